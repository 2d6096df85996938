"""The control service over its real Unix socket: each route, what it refuses, and that it tells no secret."""

from __future__ import annotations

import asyncio
import json
import math
import stat
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from vac_core import __version__
from vac_core.factory.control import SOCKET_PATH_MAX, Control, serve
from vac_core.factory.journal import JournalError
from vac_core.interfaces import PluginError
from vac_core.model import MachineState
from vac_core.plugins import PluginRecord, PluginState, Registry
from vac_core.testing import NOW, FakeHypervisor, Life, machinetype, run_virtual
from vac_core.testing.space import VirtualFactory, VirtualSpace

RECORD = PluginRecord(
    name="docker", version="1.0.0", distribution="vac-docker", state=PluginState.FAILED, error="ImportError: docker"
)
REGISTRY = Registry(records=(RECORD,))
SLOW = Life(heeds_stop_after=None)

Ask = Callable[..., Awaitable[tuple[int, Any]]]
Story = Callable[[Ask, VirtualFactory], Coroutine[Any, Any, None]]


def tell(story: Story, directory: Path, life: Life = SLOW, **settings: Any) -> None:
    """Run a story of one factory of two processors whose control service is asked over its socket."""

    async def with_service() -> None:
        types = [machinetype("lhcb"), machinetype("atlas", machine_model="cernvm3")]
        one = {"wn01.example.org": 2}
        async with VirtualSpace(directory, types, one, lives=lambda _: life, **settings) as space:
            await space.pass_time(1)
            factory = space.only
            path = factory.state.control_socket
            runner = await serve(Control(factory.daemon, REGISTRY, NOW), path)
            try:
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
                    await story(partial(asked, session), factory)
            finally:
                await runner.cleanup()

    run_virtual(with_service())


async def asked(session: aiohttp.ClientSession, method: str, route: str, **more: Any) -> tuple[int, Any]:
    async with session.request(method, f"http://factory{route}", **more) as response:
        assert response.content_type == "application/json"
        return response.status, json.loads(await response.read())


def test_status_tells_all_at_one_look(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        code, told = await ask("GET", "/status")
        assert code == 200
        assert (told["factory"], told["space"]) == ("wn01.example.org", "vac01.example.org")
        assert (told["version"], told["started"], told["now"]) == (__version__, NOW, NOW + 1)
        assert told["capacity"] == {"processors": 2, "busy": 2, "free": 0}
        assert told["load_averages"] == [0.0, 0.0, 0.0]
        assert (told["draining"], told["drain_until"]) == (False, None)
        assert told["config"] == {"read": NOW, "problems": [], "stale": False}
        assert told["plugins"] == [RECORD.as_json()]
        assert told["peers"] == {"heard": 1, "silent": [], "polled": NOW}
        assert [one["state"] for one in told["machines"]] == ["running", "running"]
        assert told["machines"] == (await ask("GET", "/machines"))[1]["machines"]
        assert told["why"] == (await ask("GET", "/why"))[1]
        assert told["disabled"].keys() == {"atlas"}
        assert told["totals"]["lhcb"] == {
            "target_share": 1.0,
            "group": "lhcb",
            "running_hs06": 2.0,
            "running_machines": 2,
            "num_before_fizzle": 2,
            "last_abort": None,
        }
        assert told["troubles"] == {}

    tell(story, tmp_path)


def test_machines_are_listed_by_their_slots(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        _, told = await ask("GET", "/machines")
        assert [one["name"] for one in told["machines"]] == ["wn01-00.example.org", "wn01-01.example.org"]

    tell(story, tmp_path)


def test_why_says_why_nothing_more_starts(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        _, told = await ask("GET", "/why")
        standings = {one["machinetype"]: one for one in told["machinetypes"]}
        assert standings["atlas"]["state"] == "disabled"
        assert "cernvm3" in standings["atlas"]["reasons"][0]["reason"]
        assert standings["lhcb"]["state"] == "next"
        assert standings["lhcb"]["reasons"]
        assert told["failures"] == {}

    tell(story, tmp_path)


def test_plugins_are_listed_with_what_became_of_them(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        assert await ask("GET", "/plugins") == (200, {"plugins": [RECORD.as_json()]})

    tell(story, tmp_path)


def test_no_machines_token_is_told(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        tokens = [one.token for one in factory.alive]
        assert all(len(token) >= 32 for token in tokens)
        name = factory.alive[0].name
        answers = [await ask("GET", route) for route in ("/status", "/machines", "/why", "/plugins")]
        answers.append(await ask("POST", "/stop", json={"machine": name}))
        said = json.dumps(answers)
        assert name in said
        assert not any(token in said for token in tokens)

    tell(story, tmp_path)


def test_a_drain_is_in_force_until_it_is_taken_back(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        code, told = await ask("POST", "/drain", json={"until": NOW + 3600, "reason": "new disk"})
        assert (code, told) == (200, {"draining": True, "until": NOW + 3600})
        _, now = await ask("GET", "/status")
        assert (now["draining"], now["drain_until"]) == (True, NOW + 3600)
        assert await ask("POST", "/undrain") == (200, {"draining": False, "reason": ""})
        _, now = await ask("GET", "/status")
        assert (now["draining"], now["drain_until"]) == (False, None)

    tell(story, tmp_path)


def test_a_drain_needs_no_words(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        assert await ask("POST", "/drain") == (200, {"draining": True, "until": None})
        assert await ask("POST", "/drain", json={"until": None, "reason": None}) == (
            200,
            {"draining": True, "until": None},
        )

    tell(story, tmp_path)


def test_undraining_says_when_the_site_files_still_want_it(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        assert await ask("POST", "/undrain") == (200, {"draining": True, "reason": "draining = yes in [settings]"})

    tell(story, tmp_path, draining=True)


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_machine_is_stopped_by_id_or_by_name(tmp_path: Path, by: str) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        one = factory.alive[1]
        code, told = await ask("POST", "/stop", json={"machine": getattr(one, by), "reason": "it swaps"})
        assert code == 200
        assert (told["machine"]["id"], told["machine"]["state"]) == (one.id, "stopping")
        (event,) = [event for event in factory.daemon.given.journal.events_after(0) if event.what == "stop"]
        assert event.reason.endswith(": it swaps")
        assert (await ask("POST", "/stop", json={"machine": one.id}))[0] == 200, "to ask twice is no error"

    tell(story, tmp_path)


def test_a_machine_that_is_not_there_or_not_yet_cannot_be_stopped(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        for body in ({"machine": "wn01-07.example.org"}, {"machine": ["a"]}, {}, None):
            code, told = await ask("POST", "/stop", json=body) if body is not None else await ask("POST", "/stop")
            assert code == 404
            assert told["error"].endswith("'vac machines' lists them")
        factory.host.delays["create"] = math.inf
        gone = factory.alive[0]
        factory.host.end(factory.host.machines[gone.id], b"200 Success")
        await asyncio.sleep(20)
        (planned,) = [one for one in factory.alive if one.state is MachineState.PLANNED]
        code, told = await ask("POST", "/stop", json={"machine": planned.name})
        assert (code, "still being made" in told["error"]) == (409, True)

    tell(story, tmp_path)


def test_reloading_tells_how_the_site_files_are(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        assert await ask("POST", "/reload") == (200, {"stale": False, "problems": []})
        factory.source.stale, factory.source.problems = True, ("vac.conf:4 [settings] x: unknown",)
        assert await ask("POST", "/reload") == (200, {"stale": True, "problems": ["vac.conf:4 [settings] x: unknown"]})

    tell(story, tmp_path)


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b"[" * 60000, b"nul", b'{"until": 1', b"[]", b"3", b'"drain"', b"null", b"true"],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_json_object_is_refused_and_does_nothing(tmp_path: Path, body: bytes) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        code, told = await ask("POST", "/drain", data=body)
        assert (code, told["error"].startswith("the request's body ")) == (400, True)
        assert not (await ask("GET", "/status"))[1]["draining"]

    tell(story, tmp_path)


@pytest.mark.parametrize("until", ["tomorrow", [1], {}, True, False, -1, 1e300, 10**400, math.nan, math.inf])
def test_a_drain_until_what_is_no_time_is_refused(tmp_path: Path, until: object) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        assert await ask("POST", "/drain", data=json.dumps({"until": until})) == (
            400,
            {"error": "until must be a time in Unix seconds, or null"},
        )
        assert not (await ask("GET", "/status"))[1]["draining"]

    tell(story, tmp_path)


def test_every_refusal_is_an_error_in_json(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        large = b'{"reason": "' + b"x" * 70000 + b'"}'
        charset = {"Content-Type": "application/json; charset=klingon"}
        for method, route, more, wanted in (
            ("GET", "/nothing", {}, 404),
            ("GET", "/../../etc/passwd", {}, 404),
            ("GET", "/drain", {}, 405),
            ("DELETE", "/machines", {}, 405),
            ("POST", "/drain", {"data": large}, 413),
            ("POST", "/drain", {"data": b"{}", "headers": charset}, 400),
        ):
            code, told = await ask(method, route, **more)
            assert (code, bool(told["error"])) == (wanted, True), (method, route)
        assert not (await ask("GET", "/status"))[1]["draining"]

    tell(story, tmp_path)


def test_a_journal_that_cannot_be_written_is_told_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        def full(_name: str, _value: str | None) -> None:
            raise JournalError("journal: the disk is full: check the disk")

        with monkeypatch.context() as patched:
            patched.setattr(factory.daemon.given.journal, "remember", full)
            told = await ask("POST", "/drain")
        assert told == (503, {"error": "journal: the disk is full: check the disk"})
        assert not (await ask("GET", "/status"))[1]["draining"]

    tell(story, tmp_path)


def test_troubles_are_told_by_what_they_befell(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        factory.host.failures["list_machines"] = PluginError("the socket of the backend is gone")
        factory.observer.failures = 1000
        factory.daemon.look_soon("fake")
        factory.daemon.given.journal.note("news", "", now=NOW)
        await asyncio.sleep(20)
        _, told = await ask("GET", "/status")
        assert told["troubles"]["hypervisor fake"] == "the socket of the backend is gone"
        assert told["troubles"]["observer fake"].startswith("the observer fake fails")

    tell(story, tmp_path)


def test_a_hypervisor_that_nothing_is_made_with_may_be_as_it_is(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        factory.daemon.watcher.troubles |= {"spare": "its engine does not run", "fake": "its socket is gone"}
        spare = FakeHypervisor(name="spare", machine_models=frozenset({"spare"}))
        crew = factory.daemon.given.crew
        crew.hypervisors = {**crew.hypervisors, "spare": spare}
        assert set((await ask("GET", "/status"))[1]["troubles"]) == {"hypervisor fake"}

    tell(story, tmp_path)


def test_the_site_is_told_of_each_policy_that_it_wants_and_that_is_missing(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        _, told = await ask("GET", "/status")
        said = "\n".join(told["troubles"].values())
        assert "'one'" in said
        assert "'two'" in said
        assert told["machines"] == []

    tell(story, tmp_path, policies=("one", "two"))


def test_the_socket_is_for_its_owner_and_group_and_replaces_what_a_dead_daemon_left(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        path = tmp_path / "again.sock"
        path.write_text("left behind", "utf-8")
        runner = await serve(Control(factory.daemon, REGISTRY, NOW), path)
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        await runner.cleanup()

    tell(story, tmp_path)


def test_a_socket_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        control = Control(factory.daemon, REGISTRY, NOW)
        long = tmp_path / ("x" * SOCKET_PATH_MAX)
        with pytest.raises(OSError, match=f"longer than {SOCKET_PATH_MAX} octets: {tmp_path}"):
            await serve(control, long)
        (tmp_path / "directory").mkdir()
        with pytest.raises(OSError, match="directory"):
            await serve(control, tmp_path / "directory")

    tell(story, tmp_path)


def test_a_machines_log_is_shown_while_it_runs_and_after(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        one = factory.alive[0]
        code, told = await ask("GET", f"/log?machine={one.name}")
        assert (code, told) == (
            200, {"machine": one.id, "name": one.name, "alive": True, "log": f"life {one.id}\n"}
        )  # fmt: skip
        (factory.state.machine(one.id) / "console.log").write_bytes(b"booted\nworked \xff\n")
        factory.host.end(factory.host.machines[one.id], b"200 done")
        factory.daemon.given.crew.hypervisors["fake"].destroy(one.id)
        for octets, log in (("", "booted\nworked \ufffd\n"), ("&octets=3", " \ufffd\n")):
            assert (await ask("GET", f"/log?machine={one.id}{octets}"))[1]["log"] == log

    tell(story, tmp_path)


def test_a_log_that_cannot_be_shown_says_why(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        one = factory.alive[0]
        for asked_for, code, why in (
            ("nobody", 404, "no machine 'nobody' is or was here"),
            ("../../etc", 404, "no machine '../../etc'"),
            (f"{one.id}&octets=all", 400, "octets must be a whole number"),
        ):
            answer = await ask("GET", f"/log?machine={asked_for}")
            assert answer[0] == code
            assert why in answer[1]["error"]
        factory.host.failures["console_log"] = PluginError("the engine does not answer")
        code, told = await ask("GET", f"/log?machine={one.id}")
        assert (code, told) == (503, {"error": "the engine does not answer"})

    tell(story, tmp_path)


def test_a_link_that_a_machine_left_in_place_of_its_log_is_not_followed(tmp_path: Path) -> None:
    async def story(ask: Ask, factory: VirtualFactory) -> None:
        one = factory.alive[0]
        (factory.state.machine(one.id) / "console.log").symlink_to("/etc/hostname")
        factory.daemon.given.crew.hypervisors["fake"].destroy(one.id)
        assert (await ask("GET", f"/log?machine={one.id}"))[1]["log"] == ""

    tell(story, tmp_path)
