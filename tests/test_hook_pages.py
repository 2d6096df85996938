"""Each hook has a page, and the complete example on it is a plugin that keeps its contract."""

from __future__ import annotations

import re
import socket
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from vac_core import hookspecs
from vac_core.cli.invocation import Invocation
from vac_core.config.load import load
from vac_core.config.read import Peer
from vac_core.interfaces import Contextualiser, Home, Hypervisor, Observer, PeerFinder, Policy
from vac_core.kinds import KINDS
from vac_core.model import Event, EventKind, MachineState, Outcome
from vac_core.plugins import PluginState, Registry, load_plugins
from vac_core.situation import Verdicts
from vac_core.testing import (
    ContextualiserContract,
    HypervisorContract,
    ObserverContract,
    PeerFinderContract,
    PolicyContract,
    machine,
    machinetype,
    situation,
)
from vac_core.testing.control import FakeControl
from vac_core.testing.makers import NOW, home

PAGES = Path(__file__).parent.parent / "docs" / "reference" / "hooks"
HOOKS = {kind.hook: kind for kind in KINDS}


def example(hook: str) -> str:
    """The complete example on a hook's page: its first block of Python."""
    text = (PAGES / f"{hook}.md").read_text("utf-8")
    found = re.search(r"^## A complete example$.*?^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found is not None, f"{hook}.md has no complete example"
    return found[1]


def installed(hook: str, directory: Path) -> Registry:
    """What an example provides when it is installed as the plugin ``example``."""
    module = f"fake_{hook}_example"
    (directory / f"{module}.py").write_text(example(hook))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(directory))
        return load_plugins(entry_points=[EntryPoint("example", module, "vac")])


def objects(hook: str, directory: Path) -> list[Any]:
    registry = installed(hook, directory)
    return list(getattr(registry, f"{HOOKS[hook].name}s".replace("policys", "policies")).values())


def test_the_kinds_are_the_hooks() -> None:
    specified = {name for name in vars(hookspecs) if name.startswith("vac_")}
    assert set(HOOKS) == specified


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_page_that_the_index_names(hook: str) -> None:
    assert (PAGES / f"{hook}.md").read_text("utf-8").startswith(f"# {hook}\n")
    assert f"[{hook}]({hook}.md)" in (PAGES / "index.md").read_text("utf-8")


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_s_docstring_has_an_example_and_says_what_it_returns(hook: str) -> None:
    told = getattr(hookspecs, hook).__doc__
    assert "Example::" in told
    assert f"def {hook}():" in told
    assert ":return:" in told


@pytest.mark.parametrize("hook", HOOKS)
def test_each_example_is_a_plugin_that_provides_what_its_page_is_about(hook: str, tmp_path: Path) -> None:
    (record,) = installed(hook, tmp_path).records
    assert record.error == ""
    assert record.state is PluginState.ACTIVE
    assert any(provided.startswith(HOOKS[hook].name) for provided in record.provides)


class TestTheHypervisor(HypervisorContract):
    @pytest.fixture
    def hypervisor(self, tmp_path: Path) -> Hypervisor:
        return objects("vac_hypervisors", tmp_path)[0]


class TestTheContextualiser(ContextualiserContract):
    served: ClassVar[dict[str, bytes]] = {"https://my-vo.example.org/agent": b"#!/bin/sh\nexit 0\n"}

    @pytest.fixture
    def contextualiser(self, tmp_path: Path) -> Contextualiser:
        return objects("vac_contextualisers", tmp_path)[0]

    def machinetype(self) -> Any:
        return machinetype(user_data="https://my-vo.example.org/agent")


class TestTheObserver(ObserverContract):
    @pytest.fixture
    def observer(self, tmp_path: Path) -> Observer:
        return objects("vac_observers", tmp_path)[0]


class TestThePolicy(PolicyContract):
    @pytest.fixture
    def policy(self, tmp_path: Path) -> Policy:
        return objects("vac_policies", tmp_path)[0]


class TestThePeerFinder(PeerFinderContract):
    announces = False

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Any:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        space = (Peer("wn01.example.org", "127.0.0.1"), Peer("wn02.example.org", "127.0.0.2"))
        registry = installed("vac_peer_finders", tmp_path)
        (schema,) = [one.schema for one in registry.option_sets]

        def one(peer: Peer) -> tuple[PeerFinder, Home]:
            options = schema(address=peer.address, port=port)
            at = home(tmp_path / peer.name, factory=peer.name, options=options, factories=space)
            return type(registry.peer_finders["tcp"])(), at

        return one(space[0]), one(space[1])


def test_the_policy_vetoes_in_office_hours_and_says_until_when(tmp_path: Path) -> None:
    registry = installed("vac_policies", tmp_path)
    (policy,) = registry.policies.values()
    (options,) = registry.option_sets
    policy.start(home(tmp_path, options=options.schema(at_night_only=("lhcb", "gone"))))
    day = 1_700_000_000.0 // 86400 * 86400
    held = [judged(policy, day + hour * 3600) for hour in range(24)]
    vetoed = [verdicts for verdicts in held if verdicts.vetoes]
    assert len(vetoed) == 10
    assert all(one.vetoes[0].machinetype == "lhcb" and one.vetoes[0].until for one in vetoed)


def judged(policy: Policy, now: float) -> Verdicts:
    return policy.judge(situation([machinetype("lhcb")], now=now))


def test_the_command_tells_of_free_processors(tmp_path: Path) -> None:
    (idle,) = objects("vac_commands", tmp_path)
    with FakeControl(tmp_path) as control:
        control.answers["GET /status"]["capacity"]["free"] = 3
        result = CliRunner().invoke(idle, [], obj=Invocation(state_dir=tmp_path))
    assert (result.exit_code, result.output) == (0, "3 processors are free\n")


def test_the_options_are_read_from_the_site_file_on_the_page(tmp_path: Path) -> None:
    option_sets = installed("vac_options", tmp_path).option_sets
    text = (PAGES / "vac_options.md").read_text("utf-8")
    stands = re.search(r"^```ini\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert stands is not None
    site_file = tmp_path / "site.conf"
    site_file.write_text(f"[settings]\nvac_space = vac01.example.org\n{stands[1]}user_data = x\n")
    loaded = load([site_file], option_sets)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.site is not None
    assert loaded.site.plugin_options["example"].lxc_path == "/srv/lxc"
    assert loaded.site.machinetypes["lhcb"].plugin_options["lxc"].lxc_network == "host"


def test_the_observer_counts_no_machine_twice(tmp_path: Path) -> None:
    (ledger,) = objects("vac_observers", tmp_path)
    at = home(tmp_path)
    ledger.start(at)
    over = machine(state=MachineState.ENDED, ended=NOW, outcome=Outcome(200, "Success"))
    told = [
        Event(seq=seq, time=NOW, kind=EventKind.MACHINE, what="gone", machine=one)
        for seq, one in enumerate((machine(), over), start=1)
    ]
    for event in (*told, *told):
        ledger.observe(event)
    ledger.start(at)
    ledger.observe(told[1])
    (row,) = (at.state_dir / "ledger.csv").read_text().splitlines()
    assert row.startswith(f"2,{over.id},lhcb,3600.0,")
