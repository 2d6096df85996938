"""Options that plugins declare: their own sections, and further options of machinetypes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from vac_core.config.load import Loaded, load
from vac_core.config.pipes import parse
from vac_core.config.read import integer, text, words
from vac_core.interfaces import OptionSet
from vac_core.options import option


def _moody(raw: str) -> str:
    raise RuntimeError(f"no {raw} today")


@attrs.frozen(kw_only=True)
class GridSection:
    """A plugin's section that must be configured."""

    endpoint: str = option("Where records go.", text)
    token: str = option("What it lets in.", text, "", secret=True)
    retries: int = option("How often.", integer(0), 3, deprecated=("tries",))


@attrs.frozen(kw_only=True)
class MoodySection:
    """A plugin's section whose reader and schema fail."""

    mood: str = option("A mood.", _moody, "")
    weight: int = option("A weight.", integer(), 1)

    def __attrs_post_init__(self) -> None:
        if self.weight > 9:
            raise RuntimeError("too heavy")


@attrs.frozen(kw_only=True)
class BoxMachine:
    """Options of machinetypes."""

    box_networks: tuple[str, ...] = option("Networks.", words, (), pipe=True)
    box_key: str = option("A key.", text, "", secret=True)


@attrs.frozen(kw_only=True)
class RackMachine:
    """Options of machinetypes, one of which must be set where any is."""

    rack_name: str = option("Which rack.", text)
    rack_unit: int = option("Which unit.", integer(1, 42), 1)


SETS = [
    OptionSet(name="grid", section="plugin", schema=GridSection),
    OptionSet(name="moody", section="plugin", schema=MoodySection),
    OptionSet(name="box", section="machinetype", schema=BoxMachine),
    OptionSet(name="rack", section="machinetype", schema=RackMachine),
]


def loaded(directory: Path, more: str, **given: Any) -> Loaded:
    path = directory / "vac.conf"
    path.write_text(f"[settings]\nvac_space = vac01.example.org\nblock_plugins = gone\n{more}", "utf-8")
    return load([path], SETS, **given)


def told(found: Loaded) -> list[str]:
    return [str(problem).partition("vac.conf:")[2] for problem in found.problems]


def test_a_section_is_read_by_its_plugins_schema(tmp_path: Path) -> None:
    found = loaded(tmp_path, "[plugin grid]\nendpoint = https://grid.example.org\ntries = 5\n")
    assert found.site is not None
    assert found.site.plugin_options["grid"] == GridSection(endpoint="https://grid.example.org", retries=5)
    assert told(found) == ["6 [plugin grid] tries: this is an old name: write retries"]


def test_without_a_section_a_plugin_has_its_defaults_if_it_can(tmp_path: Path) -> None:
    found = loaded(tmp_path, "")
    assert found.site is not None
    assert found.site.plugin_options == {"moody": MoodySection()}


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("[plugin grid]\n", "4 [plugin grid]: endpoint is not set: add endpoint = ... (Where records go)"),
        ("[plugin grid]\nendpoint = x\nretry = 1\n", "6 [plugin grid] retry: there is no such option here: "),
        (
            "[plugin moody]\nmood = good\n",
            "5 [plugin moody] mood: it cannot be read: no good today: it is for: ",
        ),
        ("[plugin moody]\nweight = 10\n", "4 [plugin moody]: too heavy: mend the options of this section"),
    ],
)
def test_a_wrong_section_of_an_installed_plugin_leaves_no_site(tmp_path: Path, section: str, problem: str) -> None:
    found = loaded(tmp_path, section)
    assert found.site is None
    assert told(found)[0].startswith(problem)


def test_a_section_of_a_plugin_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    found = loaded(tmp_path, "[plugin gird]\nendpoint = x\n[plugin gone]\nany = thing\n")
    assert found.site is not None
    assert told(found) == [
        "4 [plugin gird]: no plugin that is in use takes this section, so it is ignored: did you mean [plugin grid]?"
    ]
    assert found.problems[0].is_error


def test_secrets_are_in_no_problem_and_no_repr(tmp_path: Path) -> None:
    text = "[plugin grid]\nendpoint = x\ntoken = hunter2\n[machinetype a]\nbox_key = hunter2\nmax_processors = x\n"
    found = loaded(tmp_path, text)
    assert found.site is not None
    assert found.site.plugin_options["grid"].token == "hunter2"
    assert "hunter2" not in repr(found)


def test_machinetypes_have_the_options_of_every_plugin(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "[machinetype a]\nbox_networks = one, two\n[machinetype b]\nrack_name = r1\n[machinetype c]\nrack_unit = 2\n",
    )
    assert found.site is not None
    assert found.site.machinetypes["a"].plugin_options == {"box": BoxMachine(box_networks=("one", "two"))}
    assert found.site.machinetypes["b"].plugin_options == {"box": BoxMachine(), "rack": RackMachine(rack_name="r1")}
    assert list(found.site.disabled) == ["c"]
    assert "rack_name is not set" in found.site.disabled["c"]


def test_a_pipe_sets_only_what_a_plugin_lets_it_set(tmp_path: Path) -> None:
    document = parse(b'{"machinetypes": [{"suffix": "a", "box_networks": ["one", "two"], "box_key": "mine"}]}')
    section = "[vacuum_pipe vo]\nvacuum_pipe_url = https://vo.example.org/vo.pipe\n"
    found = loaded(tmp_path, section, pipe_documents={"vo": document})
    assert found.site is not None
    assert found.site.machinetypes["vo-a"].plugin_options["box"] == BoxMachine(box_networks=("one", "two"))
    assert [str(problem) for problem in found.problems] == [
        (
            "https://vo.example.org/vo.pipe [machinetype vo-a] box_key: a vacuum pipe may not set it, "
            "so it is left out: set it in the site file"
        )
    ]
