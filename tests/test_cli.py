"""The command ``vac`` as a whole: what it offers, how it says no, and how it starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from vac_core import __version__
from vac_core.cli import main as programs
from vac_core.cli.main import cli, daemon
from vac_core.plugins import load_plugins

CORE = {
    "completion", "config", "contextualise", "doctor", "drain", "factories", "factory", "history", "machines",
    "machinetype", "plugins", "stop", "top", "undrain", "why",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_site_of_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("[settings]\nvac_space = vac01.example.org\n")
    monkeypatch.setenv("VAC_CONFIG", str(tmp_path / "site.conf"))
    monkeypatch.setenv("VAC_STATE_DIR", str(tmp_path / "state"))


def commands(group: click.Group, path: str = "vac") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


ALL = dict(commands(click.Group(commands=dict(load_plugins().commands)))) | {"vac": cli, "vacd": daemon}


def test_help_lists_the_core_s_commands() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    listed = {line.split()[0] for line in result.output.splitlines() if line.startswith("  ") and line.strip()}
    assert listed >= CORE


@pytest.mark.parametrize("path", sorted(ALL))
def test_each_command_s_help_says_what_it_is_for_and_has_examples(path: str) -> None:
    result = CliRunner().invoke(ALL[path], ["--help"], prog_name=path)
    assert result.exit_code == 0
    assert "Examples:\n" in result.output
    example = result.output.split("Examples:\n")[1]
    assert f"    {path.split(maxsplit=1)[0]}" in example
    assert (ALL[path].help or "").splitlines()[0].endswith(".")


def test_each_of_the_core_s_commands_gives_json_but_those_that_have_nothing_to_give() -> None:
    owners = load_plugins().owners
    own = {name for name in ALL if owners.get(("command", name.partition(" ")[2].partition(" ")[0])) == "core-commands"}
    silent = {
        name
        for name in own
        if not isinstance(ALL[name], click.Group) and not any("--json" in one.opts for one in ALL[name].params)
    }
    assert silent == {"vac completion", "vac contextualise", "vac factory run"}


def test_a_wrong_word_is_told_without_a_traceback_and_exits_with_2() -> None:
    for words in (["nonsense"], ["drain", "--until", "soon"], ["history", "--limit", "0"], ["--config", "/no/such"]):
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == 2, words
        assert "Error:" in result.output
        assert "Traceback" not in result.output


def test_a_command_of_a_plugin_that_failed_is_not_just_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    about = tmp_path / "vac_dive-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vac-dive\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vac]\ndive = fake_no_such_module\n")
    result = CliRunner().invoke(cli, ["dive"])
    assert result.exit_code == 2
    assert "plugins that failed: dive" in result.output


def test_a_blocked_plugin_s_commands_are_gone_by_option_and_by_site_file(tmp_path: Path) -> None:
    assert "vac machines" in ALL
    assert CliRunner().invoke(cli, ["--no-plugin", "core-commands", "plugins"]).exit_code == 2
    (tmp_path / "site.conf").write_text("[settings]\nvac_space = x.example.org\nblock_plugins = core-commands\n")
    assert CliRunner().invoke(cli, ["plugins"]).exit_code == 2


def test_help_lists_no_command_of_a_blocked_plugin(tmp_path: Path) -> None:
    assert "machinetype" in CliRunner().invoke(cli, ["--help"]).output
    assert "machinetype" not in CliRunner().invoke(cli, ["--no-plugin", "core-commands", "--help"]).output
    site = tmp_path / "site.conf"
    site.write_text("[settings]\nvac_space = x.example.org\nblock_plugins = core-commands\n")
    for environment, words in (({}, ["-c", str(site), "--help"]), ({"VAC_CONFIG": str(site)}, ["--help"])):
        helped = CliRunner().invoke(cli, words, env=environment)
        assert helped.exit_code == 0
        assert "machinetype" not in helped.output
    helped = CliRunner().invoke(cli, ["--help"], env={"VAC_CONFIG": "/no/such/place"})
    assert "machinetype" in helped.output


def test_both_programs_tell_their_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"vac, version {__version__}\n"
    assert CliRunner().invoke(daemon, ["--version"]).output == f"vacd, version {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_for_vac(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_VAC_COMPLETE" in result.output


def test_words_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    completed = CliRunner().invoke(
        cli,
        [],
        prog_name="vac",
        env={"_VAC_COMPLETE": "bash_complete", "COMP_WORDS": "vac mach", "COMP_CWORD": "1"},
    )
    assert completed.output.split() == ["plain,machines", "plain,machinetype"]


def test_a_quick_help_imports_no_http_and_no_daemon() -> None:
    others = [one.name for one in load_plugins().records if one.distribution != "vac-core"]
    words = ["vac", *(word for name in others for word in ("--no-plugin", name)), "--help"]
    code = (
        f"import sys\nsys.argv = {words}\n"
        "from vac_core.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'aiohttp', 'vac_core.factory.daemon', 'vac_core.factory.web.application'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_main_turns_a_plugin_s_error_into_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("short")
    key.chmod(0o600)
    (tmp_path / "site.conf").write_text(f"[settings]\nvac_space = x.example.org\nvacquery_key_file = {key}\n")
    monkeypatch.setattr(sys, "argv", ["vac", "machines"])
    with pytest.raises(SystemExit) as end:
        programs.main()
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("vac: vacquery_key_file")
    assert "openssl rand" in said


@pytest.mark.parametrize("words", [["history", "--machine", "\udcff"], ["why", "\udcff"], ["machines", "\udcff"]])
def test_words_that_are_no_text_are_refused(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["vac", *words])
    with pytest.raises(SystemExit) as end:
        programs.main()
    assert end.value.code == 2
    said = f"vac: word {words.index(chr(0xDCFF)) + 1} of the command is not text in UTF-8: b'\\xff'\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "words",
    [
        ["machines", "-t", "nan"],
        ["top", "--interval", "nan"],
        ["history", "--limit", "9" * 20],
        ["top", "--interval", "-1"],
    ],
)
def test_numbers_that_make_no_sense_are_usage_errors(words: list[str]) -> None:
    assert CliRunner().invoke(cli, words).exit_code == 2


def test_vacd_says_why_it_cannot_start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "site.conf").write_text("[settings]\nvac_spaace = x\n")
    done = subprocess.run(
        [sys.executable, "-c", "from vac_core.cli.main import vacd; vacd()"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "vac_spaace" in done.stderr
    assert "Traceback" not in done.stderr
