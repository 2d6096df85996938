"""The documentation has a place for everything that a user can meet, and is built without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
from aiohttp import web

from docs.generated import commands, life_cycle, wire
from vac_core.cli.main import cli
from vac_core.config.reference import reference
from vac_core.config.schema import MachineType, Settings, VacuumPipe
from vac_core.context.features import features
from vac_core.factory.control import Control
from vac_core.factory.factory import Factory
from vac_core.kinds import KINDS
from vac_core.model import TRANSITIONS, MachineState
from vac_core.options import options_of
from vac_core.plugins import Registry, load_plugins
from vac_core.testing import machine, machinetype, settings
from vac_core.vacquery.queries import Query
from vac_core.vacquery.wire import keys_of

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WORDS = (
    "space", "factory", "slot", "machine", "machinetype", "machinegroup", "target share", "superslot", "outcome",
    "shutdown message", "fizzle", "backoff", "heartbeat", "vacuum pipe", "context", "seed", "VacQuery",
)  # fmt: skip


def page(path: str) -> str:
    return (DOCS / path).read_text("utf-8")


def schemas() -> Iterator[tuple[str, type[Any]]]:
    yield "settings", Settings
    yield "machinetype NAME", MachineType
    yield "vacuum_pipe PREFIX", VacuumPipe
    for one in load_plugins().option_sets:
        yield (f"plugin {one.name}" if one.section == "plugin" else f"machinetype NAME ({one.name})"), one.schema


@pytest.mark.parametrize(("section", "schema"), list(schemas()), ids=lambda one: one if isinstance(one, str) else "")
def test_each_option_is_documented_in_its_section(section: str, schema: type[Any]) -> None:
    _, _, rest = reference(load_plugins().option_sets).partition(f"## [{section}]\n")
    text = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    for name, (option, _) in options_of(schema).items():
        assert f"### `{name}{'_XXX' if option.many else ''}`" in text
        assert option.doc.strip() in text


def test_each_hook_has_its_page_and_stands_in_the_list() -> None:
    index, contents = page("reference/hooks/index.md"), (ROOT / "mkdocs.yml").read_text("utf-8")
    for kind in KINDS:
        assert f"[{kind.hook}]({kind.hook}.md)" in index
        assert f"reference/hooks/{kind.hook}.md" in contents
        assert page(f"reference/hooks/{kind.hook}.md").startswith(f"# {kind.hook}\n")


def every_command() -> list[tuple[str, click.Command]]:
    return list(commands.walk(cli, "vac"))


def test_each_command_is_documented_with_its_options() -> None:
    text = commands.page()
    for path, command in every_command():
        _, _, section = text.partition(f"\n## {path}\n")
        section = section.partition("\n## ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[-1] in section or parameter.opts[0] in section


@pytest.mark.parametrize(("path", "command"), every_command(), ids=lambda one: one if isinstance(one, str) else "")
def test_each_command_says_what_it_does_and_shows_examples(path: str, command: click.Command) -> None:
    assert (command.help or "").strip()
    assert command.epilog is not None
    assert path in command.epilog


@pytest.mark.parametrize("message", [Query, *wire.STATUSES])
def test_each_key_of_a_message_is_documented(message: type[Any]) -> None:
    text = wire.page()
    for name, (about, _) in keys_of(message).items():
        assert f"| `{name}` |" in text
        assert about.doc in text
        assert all(f"`{alias}`" in text for alias in about.aliases)


def test_the_life_cycle_is_shown_as_a_table_and_drawn_with_an_arc_for_each_pair_of_states() -> None:
    text = life_cycle.page()
    for (state, happening), after in TRANSITIONS.items():
        assert f"| {state} | {happening} | {after} |" in text
    drawn = ET.fromstring(life_cycle.picture())
    words = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {str(state) for state in MachineState} <= set(words)
    assert all(any(str(happening) in (word or "") for word in words) for _, happening in TRANSITIONS)
    arcs = drawn.findall("{http://www.w3.org/2000/svg}path")
    assert len(arcs) == len({(state, after) for (state, _), after in TRANSITIONS.items()})


def test_each_request_of_the_control_service_is_documented() -> None:
    control = Control(Factory.__new__(Factory), Registry(), 0.0)
    text = page("reference/control.md")
    for route in control.application().router.routes():
        if route.method != "HEAD":
            assert isinstance(route.resource, web.PlainResource)
            assert f"`{route.method} {route.resource.canonical}`" in text


def test_each_machine_feature_is_documented() -> None:
    given = features(machine(), machinetype(), settings(), host_processors=8, host_hs06=80.0, now=0.0)
    text = page("reference/features.md")
    for key in (*given.machinefeatures, *given.jobfeatures):
        assert f"`{key}`" in text


@pytest.mark.parametrize("word", WORDS)
def test_each_word_of_the_design_is_in_the_glossary(word: str) -> None:
    headings = [line.lower() for line in page("glossary.md").splitlines()]
    assert word.lower() in headings


def test_the_glossary_is_in_order_and_explains_each_word_once() -> None:
    lines = page("glossary.md").splitlines()[2:]
    words = [line for line, after in pairwise(lines) if after.startswith(":   ")]
    assert words == sorted(words, key=str.lower)
    assert len(words) == len(set(words)) > len(WORDS)


def test_options_that_pages_name_in_site_files_are_there() -> None:
    known = {name for _, schema in schemas() for name in options_of(schema)}
    families = tuple(f"{name}_" for _, schema in schemas() for name, (one, _) in options_of(schema).items() if one.many)
    for path in DOCS.rglob("*.md"):
        for block in re.findall(r"^```ini\n(.*?)^```$", path.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            if "[settings]" not in block and "[machinetype" not in block and "[vacuum_pipe" not in block:
                continue
            for name in re.findall(r"^([a-z0-9_]+) *=", block, re.MULTILINE):
                if "hooks" not in path.parts:
                    assert name in known or name.startswith(families), f"{path}: {name}"


def test_what_the_debugging_page_quotes_is_what_vac_says() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "vac_core").rglob("*.py"))
    said = re.sub(r'"\s*\n\s*f?"', "", code)
    cells = re.findall(r"^\| (`.*?) \|", page("howto/debug.md"), re.MULTILINE)
    assert len(cells) > 10
    for quoted in re.findall(r"`([^`]+)`", " ".join(cells)):
        pieces = [piece.strip() for piece in re.split(r"\.\.\.|300|'myvo'", quoted)]
        assert [piece for piece in pieces if len(piece) > 1 and piece not in said] == [], quoted


def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    site = tmp_path / "site"
    for path in ("index.html", "reference/options.html", "reference/commands.html", "reference/wire.html"):
        assert (site / path).is_file()
    assert "-->" not in re.sub(r"<!--.*?-->", "", (site / "howto/install.html").read_text(), flags=re.DOTALL)
    assert "Type=notify" in (site / "howto/install.html").read_text()


def test_readme_names_the_two_commands_and_its_pictures_are_there() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert "make demo" in text
    assert "make test" in text
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        ET.parse(ROOT / picture)


def test_each_changelog_fragment_is_of_a_kind_that_is_shown() -> None:
    kinds = {
        one["directory"]
        for one in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]["type"]
    }
    fragments = sorted((ROOT / "changelog.d").glob("*.md"))
    assert fragments
    assert {fragment.name.split(".")[-2] for fragment in fragments} <= kinds
