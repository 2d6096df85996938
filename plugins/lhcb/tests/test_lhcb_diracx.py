"""The observer ``diracx``: what it tells, and what it tells again."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading

import attrs
import pytest
from aiohttp import web
from vac_lhcb import vac_observers
from vac_lhcb.diracx import DiracxObserver
from vac_lhcb.diracx_access import LhcbPlugin, access_token

from vac_core.interfaces import PluginError
from vac_core.model import Event, EventKind, Outcome
from vac_core.testing import home, machine
from vac_core.testing.contracts import ObserverContract

DETAILS = {"dirac_pilot": "vm://vac01/vac01:u:lhcb", "dirac_vo": "lhcb", "dirac_site": "VAC.Example.uk"}


class TestDiracxContract(ObserverContract):
    @pytest.fixture
    def observer(self):
        [one] = vac_observers()
        return one


class Server:
    """A door like DiracX's, which notes what it was told."""

    def __init__(self):
        self.told = []
        self.answer = 200
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait(30)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self):
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._noted)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _noted(self, request):
        self.told.append((request.method, request.path, request.headers.get("Authorization"), await request.json()))
        return web.json_response({}, status=self.answer)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.fixture
def observer(server, tmp_path):
    (tmp_path / "token").write_text("abc\n")
    options = LhcbPlugin(diracx_url=server.url, diracx_token_file=str(tmp_path / "token"))
    one = DiracxObserver()
    one.start(home(tmp_path, options=options))
    return one


def event(what, **changes):
    return Event(seq=1, time=0.0, kind=EventKind.MACHINE, what=what, machine=machine(details=DETAILS, **changes))


def test_a_pilot_is_registered_when_its_machine_is_made(observer, server):
    created = event("created")
    observer.observe(created)
    [(method, path, credential, document)] = server.told
    assert (method, path, credential) == ("POST", "/api/pilots/", "Bearer abc")
    assert document["pilot_stamp"] == created.machine.id.replace("-", "")
    assert (document["vo"], document["grid_site"]) == ("lhcb", "VAC.Example.uk")
    assert document["pilot_reference"] == DETAILS["dirac_pilot"]


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        (Outcome(200, "Success"), "Done", "200 Success"),
        (Outcome(300, "Nothing to do"), "Done", "300 Nothing to do"),
        (Outcome(500, "x" * 400), "Failed", "500 " + "x" * 251),
        (Outcome(None, "killed"), "Aborted", "killed"),
        (None, "Aborted", ""),
    ],
)
def test_its_outcome_is_told_when_the_machine_is_gone(observer, server, outcome, status, reason):
    gone = event("gone", outcome=outcome)
    observer.observe(gone)
    [(method, path, _, document)] = server.told
    assert (method, path) == ("PATCH", "/api/pilots/metadata")
    assert document == {gone.machine.id.replace("-", ""): {"Status": status, "StatusReason": reason}}


def test_nothing_is_told_of_machines_without_a_pilot(observer, server):
    other = event("created")
    observer.observe(attrs.evolve(other, machine=attrs.evolve(other.machine, details={})))
    observer.observe(event("seen_running"))
    assert server.told == []


def test_without_a_url_nothing_is_told(tmp_path):
    one = DiracxObserver()
    one.start(home(tmp_path, options=LhcbPlugin()))
    one.observe(event("created"))


@pytest.mark.parametrize("answer", [401, 429, 500, 503])
def test_what_may_be_otherwise_later_is_told_again(observer, server, answer):
    server.answer = answer
    with pytest.raises(PluginError, match=f"answered {answer}"):
        observer.observe(event("created"))


def test_a_server_that_is_away_is_told_again(observer, server, tmp_path):
    one = DiracxObserver()
    one.start(home(tmp_path / "other", options=LhcbPlugin(diracx_url="http://127.0.0.1:9")))
    with pytest.raises(PluginError, match=r"POST http://127\.0\.0\.1:9/api/pilots/"):
        one.observe(event("created"))


@pytest.mark.parametrize("answer", [400, 403])
def test_what_is_refused_for_good_is_logged_and_let_go(observer, server, answer, caplog):
    server.answer = answer
    with caplog.at_level(logging.WARNING):
        observer.observe(event("created"))
    assert f"answered {answer}" in caplog.text
    assert "abc" not in caplog.text


def test_a_pilot_that_is_there_already_is_well(observer, server, caplog):
    server.answer = 409
    observer.observe(event("created"))
    assert caplog.text == ""


class TestToken:
    def test_it_may_lie_in_a_proxy_as_dirac_keeps_it(self, tmp_path):
        packed = base64.encodebytes(json.dumps({"access_token": "xyz", "refresh_token": "r"}).encode()).decode()
        (tmp_path / "proxy").write_text(f"-----BEGIN DIRACX-----\n{packed}-----END DIRACX-----\n")
        assert access_token(tmp_path / "proxy") == "xyz"

    @pytest.mark.parametrize("content", ["-----BEGIN DIRACX-----\n!!\n-----END DIRACX-----", "\u00e9"])
    def test_one_that_cannot_be_read_is_told_and_not_shown(self, tmp_path, content):
        (tmp_path / "proxy").write_text(content)
        with pytest.raises(PluginError, match="holds no token that can be read"):
            access_token(tmp_path / "proxy")

    def test_one_that_is_not_there_is_told(self, tmp_path):
        with pytest.raises(PluginError, match="cannot be read: No such file"):
            access_token(tmp_path / "gone")
