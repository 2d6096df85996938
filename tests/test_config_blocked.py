from __future__ import annotations

from pathlib import Path

from vac_core.config.blocked import blocked_plugins


def test_the_last_line_that_blocks_plugins_counts(tmp_path: Path) -> None:
    first, second = tmp_path / "10.conf", tmp_path / "20.conf"
    first.write_text("[settings]\nblock_plugins = docker, boinc\n")
    second.write_text("[settings]\nvac_space = x\n[machinetype a]\nblock_plugins = log\n")
    assert blocked_plugins([first, second]) == {"docker", "boinc"}
    second.write_text("[settings]\nblock_plugins = lhcb\n")
    assert blocked_plugins([first, second]) == {"lhcb"}


def test_faults_elsewhere_in_the_files_do_not_unblock_a_plugin(tmp_path: Path) -> None:
    broken = tmp_path / "vac.conf"
    broken.write_bytes(b"no section\n\xff\xfe\n[settings]\nnonsense\nblock_plugins = docker\n[unclosed\n")
    assert blocked_plugins([tmp_path / "missing.conf", broken]) == {"docker"}
