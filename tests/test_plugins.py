"""Installed plugins are found one by one, and each one's failure stays its own."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from vac_core.plugins import PluginRecord, PluginState, Registry, load_plugins

GOOD = """
    from vac_core.hookspecs import hookimpl
    from vac_core.interfaces import Observer

    class Diary(Observer):
        name = "{name}"

        def observe(self, event):
            pass

    @hookimpl
    def vac_observers():
        return [Diary()]
"""

Install = Callable[..., None]


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of installed distributions."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("fake_"):
            del sys.modules[name]


@pytest.fixture
def install(site_packages: Path) -> Install:
    """Install a distribution that holds one module and one plugin."""

    def put(
        plugin: str, source: str, *, module: str | None = None, distribution: str | None = None, version: str = "1.2"
    ) -> None:
        distribution = distribution or f"vac-{plugin}"
        module = module or f"fake_{distribution.replace('-', '_')}"
        (site_packages / f"{module}.py").write_text(textwrap.dedent(source).replace("{name}", plugin))
        about = site_packages / f"{distribution.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (about / "entry_points.txt").write_text(f"[vac]\n{plugin} = {module}\n")

    return put


@pytest.fixture
def load(site_packages: Path) -> Callable[..., Registry]:
    """Load the plugins of that directory, and no others."""

    def from_disk(block: tuple[str, ...] = ()) -> Registry:
        found = [one for dist in distributions(path=[str(site_packages)]) for one in dist.entry_points]
        return load_plugins(block, found)

    return from_disk


def record(registry: Registry, name: str) -> PluginRecord:
    (found,) = [one for one in registry.records if one.name == name]
    return found


def test_a_good_plugin_is_listed_with_what_it_provides(install: Install, load: Callable[..., Registry]) -> None:
    install("diary", GOOD)
    registry = load()
    assert record(registry, "diary") == PluginRecord(
        name="diary", version="1.2", distribution="vac-diary", provides=("observer diary",), state=PluginState.ACTIVE
    )
    assert registry.observers["diary"].name == "diary"
    assert registry.owner("observer", "diary") == "diary"
    assert registry.failed == ()


def test_plugins_on_the_path_are_found_beside_the_core_s_own(install: Install) -> None:
    install("diary", GOOD)
    registry = load_plugins()
    assert record(registry, "diary").state is PluginState.ACTIVE
    assert record(registry, "log").distribution == "vac-core"


def test_the_core_s_own_plugins_are_all_active() -> None:
    own = [one for one in load_plugins().records if one.distribution == "vac-core"]
    assert {one.name for one in own} == {"core-commands", "log", "policies", "process", "static", "user_data"}
    assert [one.error for one in own if one.state is not PluginState.ACTIVE] == []


def test_an_import_error_is_kept_as_a_value_and_harms_nobody_else(
    install: Install, load: Callable[..., Registry]
) -> None:
    install("aaa", "import fake_no_such_sdk\n")
    install("bbb", "raise SystemExit('not on this host')\n")
    install("diary", GOOD)
    registry = load()
    assert record(registry, "aaa").state is PluginState.FAILED
    assert "fake_vac_aaa" in record(registry, "aaa").error
    assert "No module named 'fake_no_such_sdk'" in record(registry, "aaa").error
    assert "not on this host" in record(registry, "bbb").error
    assert set(registry.observers) == {"diary"}
    assert [one.name for one in registry.failed] == ["aaa", "bbb"]


def test_a_plugin_with_an_unknown_hook_is_refused_and_the_hooks_are_named(
    install: Install, load: Callable[..., Registry]
) -> None:
    install("diary", GOOD + "\n    @hookimpl\n    def vac_hypervisorz():\n        return []\n")
    registry = load()
    assert record(registry, "diary").state is PluginState.FAILED
    assert "no hook vac_hypervisorz" in record(registry, "diary").error
    assert "vac_hypervisors" in record(registry, "diary").error
    assert not registry.observers


def test_a_hook_with_an_argument_that_vac_does_not_give_is_refused_by_name(
    install: Install, load: Callable[..., Registry]
) -> None:
    install("diary", GOOD.replace("vac_observers()", "vac_observers(config)"))
    registry = load()
    assert "vac_observers" in record(registry, "diary").error
    assert "config" in record(registry, "diary").error
    assert not registry.observers


def test_a_blocked_plugin_is_listed_but_never_imported(
    install: Install, load: Callable[..., Registry], tmp_path: Path
) -> None:
    install("diary", f"from pathlib import Path\nPath({str(tmp_path / 'imported')!r}).touch()\n")
    registry = load(("diary",))
    assert record(registry, "diary").state is PluginState.BLOCKED
    assert record(registry, "diary").version == "1.2"
    assert not (tmp_path / "imported").exists()


def test_two_plugins_of_one_name_are_refused_with_both_providers(
    install: Install, load: Callable[..., Registry]
) -> None:
    install("diary", GOOD, distribution="vac-one")
    install("diary", GOOD, distribution="vac-two")
    first, second = load().records
    assert (first.distribution, first.state) == ("vac-one", PluginState.ACTIVE)
    assert (second.distribution, second.state) == ("vac-two", PluginState.FAILED)
    assert "vac-one" in second.error
    assert "vac-two" in second.error


def test_two_objects_of_one_name_are_refused_with_both_providers(
    install: Install, load: Callable[..., Registry]
) -> None:
    install("diary", GOOD)
    install("notes", GOOD.replace("{name}", "diary"))
    registry = load()
    assert registry.owner("observer", "diary") == "diary"
    assert record(registry, "notes").state is PluginState.FAILED
    for provider in ("diary (vac-diary)", "notes (vac-notes)"):
        assert provider in record(registry, "notes").error


def test_no_plugin_takes_a_name_of_the_core_by_its_spelling(install: Install) -> None:
    install("aaa", GOOD.replace("{name}", "log"))
    registry = load_plugins()
    assert registry.owner("observer", "log") == "log"
    assert "observer log" in record(registry, "aaa").error


def test_a_raising_hook_loses_only_its_own_objects(install: Install, load: Callable[..., Registry]) -> None:
    install("half", GOOD + "\n    @hookimpl\n    def vac_policies():\n        raise RuntimeError('no luck')\n")
    install("whole", GOOD)
    registry = load()
    assert record(registry, "half").state is PluginState.FAILED
    assert record(registry, "half").error == "vac_policies raised RuntimeError: no luck"
    assert record(registry, "half").provides == ("observer half",)
    assert set(registry.observers) == {"half", "whole"}


NONSENSE = {
    "'a string'": "must return a list",
    "42": "must return a list",
    "[object()]": "no Observer",
    "[Diary]": "no Observer",
    "[Diary(), Diary()]": "twice",
    "[nameless(Diary(), '')]": "name is ''",
    "[nameless(Diary(), 'two words')]": "name is 'two words'",
    "[nameless(Diary(), None)]": "name is None",
}


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_that_a_hook_returns_is_refused_with_its_reason(
    answer: str, install: Install, load: Callable[..., Registry]
) -> None:
    nameless = "\n    def nameless(one, name):\n        one.name = name\n        return one\n"
    install("diary", GOOD.replace("[Diary()]", answer) + nameless)
    registry = load()
    assert record(registry, "diary").state is PluginState.FAILED
    assert NONSENSE[answer] in record(registry, "diary").error
    assert set(registry.observers) == ({"diary"} if "twice" in NONSENSE[answer] else set())


OPTIONS = """
    import attrs
    import click
    from vac_core.config.read import integer
    from vac_core.hookspecs import hookimpl
    from vac_core.interfaces import Hypervisor, OptionSet
    from vac_core.options import option

    @attrs.frozen(kw_only=True)
    class Depth:
        depth: int = option("How deep.", integer(0), 1)

    @attrs.frozen(kw_only=True)
    class Taken:
        max_processors: int = option("The core's own.", integer(0), 1)

    @attrs.frozen(kw_only=True)
    class Old:
        vm_model: int = option("The core's own, by its old name.", integer(0), 1)

    @hookimpl
    def vac_options():
        return [OptionSet(name="{name}", section="plugin", schema=Depth), SECOND]

    @hookimpl
    def vac_commands():
        return [click.Command("dive", callback=print)]
"""


def test_option_sets_and_commands_are_collected(install: Install, load: Callable[..., Registry]) -> None:
    install("pit", OPTIONS.replace("SECOND", "OptionSet(name='pit', section='machinetype', schema=Depth)"))
    registry = load()
    assert record(registry, "pit").provides == ("command dive", "options plugin pit", "options machinetype pit")
    assert [one.section for one in registry.option_sets] == ["plugin", "machinetype"]
    assert registry.commands["dive"].name == "dive"


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ("OptionSet(name='other', section='plugin', schema=Depth)", "not its own section"),
        ("OptionSet(name='pit', section='settings', schema=Depth)", "section is 'settings'"),
        ("OptionSet(name='pit', section='machinetype', schema=dict)", "give an attrs class"),
        ("OptionSet(name='pit', section='machinetype', schema=Taken)", "declares max_processors"),
        ("OptionSet(name='pit', section='machinetype', schema=Old)", "declares vm_model"),
    ],
)
def test_options_that_nobody_could_set_are_refused(
    second: str, why: str, install: Install, load: Callable[..., Registry]
) -> None:
    install("pit", OPTIONS.replace("SECOND", second))
    registry = load()
    assert why in record(registry, "pit").error
    assert len(registry.option_sets) == 1


DIGGING = """
    import attrs
    from vac_core.config.read import integer
    from vac_core.hookspecs import hookimpl
    from vac_core.interfaces import OptionSet
    from vac_core.options import option

    @attrs.frozen(kw_only=True)
    class Digging:
        OPTIONS

    @hookimpl
    def vac_options():
        return [OptionSet(name="{name}", section="machinetype", schema=Digging)]
"""
HOLE = "hole: int = option('Its depth.', integer(0), 1, deprecated=('pit',))"
FAMILY = "earth: dict = option('Where it goes.', integer(0), many=True)"


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (HOLE, HOLE, "hole, pit"),
        (HOLE, "pit: int = option('An old name of the other.', integer(0), 1)", "pit"),
        (FAMILY, "earth_left: int = option('One of a family.', integer(0), 1)", "earth_left"),
        (FAMILY, FAMILY, "earth_xxx"),
    ],
)
def test_an_option_of_machinetypes_that_two_plugins_declare_is_the_first_ones(
    first: str, second: str, named: str, install: Install, load: Callable[..., Registry]
) -> None:
    install("mole", DIGGING.replace("OPTIONS", first))
    install("worm", DIGGING.replace("OPTIONS", second))
    registry = load()
    refused = record(registry, "worm")
    assert f"worm (vac-worm) and mole (vac-mole) both declare {named} of machinetypes" in refused.error
    assert [(one.name, one.state) for one in registry.records] == [
        ("mole", PluginState.ACTIVE),
        ("worm", PluginState.FAILED),
    ]
    assert [one.name for one in registry.option_sets] == ["mole"]


def test_a_plugin_may_not_declare_an_option_of_machinetypes_twice(
    install: Install, load: Callable[..., Registry]
) -> None:
    again = ", OptionSet(name='again', section='machinetype', schema=Digging)]"
    install("mole", DIGGING.replace("OPTIONS", HOLE).replace("Digging)]", f"Digging){again}"))
    assert "declares hole, pit of machinetypes twice" in record(load(), "mole").error


def test_a_hypervisor_must_say_its_machine_models(install: Install, load: Callable[..., Registry]) -> None:
    source = """
        from vac_core.hookspecs import hookimpl
        from vac_core.interfaces import Hypervisor

        class Lxc(Hypervisor):
            name = "lxc"
            machine_models = "lxc"
            create = list_machines = request_stop = destroy = watch = None

        @hookimpl
        def vac_hypervisors():
            return [Lxc()]
    """
    install("lxc", source)
    registry = load()
    assert "machine_models are 'lxc'" in record(registry, "lxc").error
    assert not registry.hypervisors


def test_a_plugin_without_a_distribution_is_still_listed() -> None:
    registry = load_plugins(entry_points=[EntryPoint("ghost", "fake_no_such_module", "vac")])
    assert record(registry, "ghost").distribution == ""
    assert record(registry, "ghost").as_json()["state"] == "failed"
