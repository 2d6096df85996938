from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vac_core.cli.invocation import Invocation
from vac_core.cli.main import cli
from vac_core.cli.site import foreseen
from vac_core.config.problems import Severity
from vac_core.plugins import PluginRecord, PluginState, Registry

GOOD = (
    "[settings]\nvac_space = vac01.example.org\n"
    "[machinetype lhcb]\nuser_data = https://vo.example.org/x\nmachine_model = process\n"
)
Vac = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site.conf"


@pytest.fixture
def vac(site: Path) -> Vac:
    return lambda *words: CliRunner().invoke(cli, ["--config", str(site), *words])


def test_a_good_site_has_nothing_wrong(vac: Vac, site: Path) -> None:
    site.write_text(GOOD)
    result = vac("config", "check")
    assert (result.exit_code, result.output) == (0, f"{site}: 0 errors, 0 warnings\n")


def test_all_errors_are_told_at_once_with_place_and_mend(vac: Vac, site: Path) -> None:
    site.write_text(GOOD + "max_processors = two\nmin_processsors = 1\n")
    result = vac("config", "check")
    assert result.exit_code == 1
    first, second, summary = result.output.splitlines()
    assert first.startswith(f"error: {site}:6 [machinetype lhcb] max_processors: 'two' is not a whole number")
    assert "min_processors" in second
    assert summary == f"{site}: 2 errors, 0 warnings"
    told = json.loads(vac("config", "check", "--json").output)
    assert [(one["line"], one["severity"]) for one in told] == [(6, "error"), (7, "error")]


def test_warnings_alone_are_no_failure(vac: Vac, site: Path) -> None:
    site.write_text(GOOD.replace("machine_model", "vm_model"))
    result = vac("config", "check")
    assert result.exit_code == 0
    assert result.output.startswith("warning: ")


def test_a_file_that_is_not_there_is_warned_of(vac: Vac, site: Path) -> None:
    site.write_text(GOOD.replace("https://vo.example.org/x", f"{site.parent}/lhcb.sh"))
    result = vac("config", "check")
    assert result.exit_code == 0
    lacking, summary = result.output.splitlines()
    assert lacking == (
        f"warning: {site}:4 [machinetype lhcb] user_data: {site.parent}/lhcb.sh cannot be read: "
        "No such file or directory: put it there, or mend its permissions"
    )
    assert summary == f"{site}: 0 errors, 1 warning"
    (site.parent / "lhcb.sh").write_text("#!/bin/sh\n")
    assert vac("config", "check").output == f"{site}: 0 errors, 0 warnings\n"


def test_what_plugins_find_wrong_is_told_with_its_place(vac: Vac, site: Path) -> None:
    faults = "user_data_proxy = yes\nuser_data_file_key = ../key\n"
    site.write_text(f"{GOOD}{faults}[machinetype old]\nmachine_model = vax\n")
    told = json.loads(vac("config", "check", "--json").output)
    assert [(one["line"], one["section"], one["option"]) for one in told] == [
        (6, "machinetype lhcb", "user_data_proxy"),
        (7, "machinetype lhcb", "user_data_file_key"),
        (8, "machinetype old", ""),
    ]
    assert "machine_model 'vax'" in told[2]["what"]


def test_names_in_settings_that_stand_for_nothing_are_warned_of(vac: Vac, site: Path) -> None:
    named = "policies = backoff tides\npeer_finders = pigeons\nblock_plugins = dokcer\n"
    site.write_text(GOOD.replace("[machinetype", f"{named}vacquery_key_file = /no/such/key\n[machinetype"))
    result = vac("config", "check")
    assert result.exit_code == 0
    first, second, third, fourth, _ = result.output.splitlines()
    assert first.startswith("warning: [settings] policies: no plugin provides 'tides': there are: backoff, ")
    assert second == "warning: [settings] peer_finders: no plugin provides 'pigeons': there are: static"
    assert third.startswith("warning: [settings] block_plugins: no plugin 'dokcer' is installed")
    assert fourth.startswith("warning: [settings]: vacquery_key_file /no/such/key cannot be read")


def test_a_plugin_that_failed_is_warned_of_also_where_the_files_are_broken(site: Path) -> None:
    invocation = Invocation(config=(site,))
    invocation.registry = Registry(
        records=(PluginRecord(name="worm", state=PluginState.FAILED, error="worm and mole both declare hole"),)
    )
    site.write_text("[settings]\n")
    (warned,) = foreseen(invocation)
    assert warned.severity is Severity.WARNING
    assert "plugin worm: worm and mole both declare hole" in str(warned)


def test_show_tells_what_is_in_force(vac: Vac, site: Path) -> None:
    site.write_text(GOOD)
    result = vac("config", "show")
    assert result.exit_code == 0
    assert "vac_space = vac01.example.org" in result.output
    assert "[machinetype lhcb]" in result.output
    assert json.loads(vac("config", "show", "--json").output)["settings"]["vac_space"] == "vac01.example.org"


def test_show_of_a_broken_site_says_so_and_exits_with_1(vac: Vac, site: Path) -> None:
    site.write_text("[settings]\nvac_spaace = x\n")
    result = vac("config", "show")
    assert result.exit_code == 1
    assert "vac_spaace" in result.output
