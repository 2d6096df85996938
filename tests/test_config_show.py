"""What is in force can be shown as a site file, which loads again, and as JSON; secrets are never shown."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from vac_core.config.load import Loaded, load
from vac_core.config.pipes import parse
from vac_core.config.read import text
from vac_core.config.reference import reference
from vac_core.config.schema import MachineType, Settings, VacuumPipe
from vac_core.config.show import MASK, as_json, show
from vac_core.interfaces import OptionSet
from vac_core.options import option, options_of

VAC3 = Path(__file__).parent / "site_files" / "vac3"


@attrs.frozen(kw_only=True)
class KeySection:
    """Options of which one is secret."""

    key: str = option("A key.", text, "", secret=True)
    key_name: str = option("Its name.", text, "usual")


SETS = [
    OptionSet(name="keys", section="plugin", schema=KeySection),
    OptionSet(name="keys", section="machinetype", schema=KeySection),
]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    path = tmp_path / "more.conf"
    path.write_text(
        "[settings]\nfactories = wn01 wn02@127.0.0.2:9995 wn03@[::1]\n"
        "[plugin keys]\nkey = hunter2\n[machinetype lhcb-prod]\nkey = hunter2\n"
        "[vacuum_pipe atlas]\nkey = hunter2\n[machinetype broken]\nmax_processors = two\n",
        "utf-8",
    )
    return load([VAC3 / "vac.d", path], SETS, {"atlas": parse((VAC3 / "atlas.pipe").read_bytes())})


def test_what_is_shown_loads_again_as_the_same(loaded: Loaded, tmp_path: Path) -> None:
    assert loaded.site is not None
    path = tmp_path / "shown.conf"
    path.write_text(show(loaded.site, loaded.problems), "utf-8")
    again = load([path], SETS, {"atlas": parse((VAC3 / "atlas.pipe").read_bytes())})
    assert again.site is not None
    assert again.site.settings == loaded.site.settings
    assert list(again.site.machinetypes) == [*loaded.site.machinetypes]
    without_keys = [attrs.evolve(one, plugin_options={}) for one in loaded.site.machinetypes.values()]
    assert [attrs.evolve(one, plugin_options={}) for one in again.site.machinetypes.values()] == without_keys


def test_problems_and_disabled_machinetypes_are_shown_as_comments(loaded: Loaded) -> None:
    lines = show(loaded.site, loaded.problems).splitlines()
    assert any(line.startswith("# warning: ") and "mb_per_machine" in line for line in lines)
    assert any(line.startswith("# [machinetype broken] is disabled: ") and "'two'" in line for line in lines)
    assert "# It comes from [vacuum_pipe atlas]." in lines


def test_secrets_are_shown_nowhere(loaded: Loaded) -> None:
    shown = show(loaded.site, loaded.problems)
    plain = as_json(loaded.site, loaded.problems)
    assert "# key is secret, so it is not shown." in shown
    assert plain["plugins"]["keys"] == {"key": MASK, "key_name": "usual"}
    assert plain["machinetypes"]["lhcb-prod"]["key"] == MASK
    assert "hunter2" not in shown + json.dumps(plain)


def test_json_holds_every_option(loaded: Loaded) -> None:
    plain = json.loads(json.dumps(as_json(loaded.site, loaded.problems)))
    assert plain["settings"]["factories"] == ["wn01", "wn02@127.0.0.2:9995", "wn03@[::1]"]
    assert plain["settings"]["vacmon_hostport"] == ["vacmon.example.org:8884"]
    assert plain["settings"]["shutdown_time"] is None
    assert plain["machinetypes"]["atlas-mcore"]["vacuum_pipe"] == "atlas"
    assert plain["vacuum_pipes"]["atlas"]["machinetype_defaults"]["max_processors"] == "8"
    assert "two" in plain["disabled"]["broken"]
    assert plain["problems"][0]["option"] == "mb_per_machine"


def test_without_a_configuration_the_problems_are_shown() -> None:
    nothing = load([], [])
    assert show(nothing.site, nothing.problems).splitlines() == [
        f"# error: {nothing.problems[0]}",
        "# There is no usable configuration.",
    ]
    assert list(as_json(nothing.site, nothing.problems)) == ["problems"]


@pytest.mark.parametrize("schema", [Settings, MachineType, VacuumPipe, KeySection])
def test_the_reference_has_every_option_with_its_default_and_old_names(schema: type) -> None:
    page = reference(SETS)
    for name, (declared, _) in options_of(schema).items():
        heading = f"### `{name}_XXX`\n" if declared.many else f"### `{name}`\n"
        assert heading in page
        assert declared.doc in page
        assert all(f"`{old}`" in page for old in declared.deprecated)


def test_the_reference_tells_what_an_option_is_like() -> None:
    page = reference(SETS)
    facts = page.partition("### `backoff_seconds`\n")[2].partition("###")[0]
    assert facts.strip().splitlines()[2:] == ["- Default: `10`", "- Unit: seconds", "- A vacuum pipe may set it."]
    assert "- Required." in page.partition("### `vac_space`\n")[2].partition("###")[0]
    assert "- It is secret: it is never shown." in page.partition("## [plugin keys]\n")[2]
    assert "- `domain_type` in [settings]: " in page
