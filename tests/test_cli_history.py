from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vac_core.cli.main import cli
from vac_core.factory.journal import Journal
from vac_core.model import Happening, MachineState, Outcome
from vac_core.testing.makers import NOW, machine


def vac_history(state_dir: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--state-dir", str(state_dir), "history", *words])


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A state directory in whose journal one machine came and went, and the factory drained."""
    kept = Journal(tmp_path / "journal.sqlite")
    planned = kept.plan(machine(state=MachineState.PLANNED, machinetype="lhcb", created=NOW), "the lowest rank")
    kept.apply(planned, Happening.CREATION_FAILED, now=NOW + 60, outcome=Outcome(300, "no work"), ended=NOW + 60)
    kept.note("draining", "new disk", now=NOW + 120)
    kept.close()
    return tmp_path


def test_history_tells_what_happened_and_how_it_ended(journal: Path) -> None:
    result = vac_history(journal)
    assert result.exit_code == 0
    heading, planned, failed, draining = result.output.splitlines()
    assert heading.split() == ["TIME", "WHAT", "MACHINE", "MACHINETYPE", "OUTCOME", "REASON"]
    assert "planned" in planned
    assert "the lowest rank" in planned
    assert "300 no work" in failed
    assert "draining" in draining
    assert "new disk" in draining


def test_history_can_be_narrowed(journal: Path) -> None:
    assert len(json.loads(vac_history(journal, "--json", "--machinetype", "lhcb").output)) == 2
    assert json.loads(vac_history(journal, "--json", "--machinetype", "cms").output) == []
    assert len(json.loads(vac_history(journal, "--json", "--machine", "wn01-00.example.org").output)) == 2
    assert len(json.loads(vac_history(journal, "--json", "--limit", "1").output)) == 1
    (last,) = json.loads(vac_history(journal, "--json", "--since", str(int(NOW) + 100)).output)
    assert last["what"] == "draining"


def test_history_in_json_holds_no_token(journal: Path) -> None:
    assert "token" not in vac_history(journal, "--json").output


def test_no_journal_is_told_with_the_mend(tmp_path: Path) -> None:
    result = vac_history(tmp_path)
    assert result.exit_code == 1
    assert "there is no journal" in result.output
    assert "--state-dir" in result.output
