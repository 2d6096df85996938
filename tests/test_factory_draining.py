"""Draining: a command's word outlives the daemon, and stands above the site files'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.draining import Drain, Draining
from vac_core.factory.journal import Journal, JournalError
from vac_core.testing import NOW, settings


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def noted(journal: Journal) -> list[tuple[str, str]]:
    return [(event.what, event.reason) for event in journal.events_after(0)]


def test_a_factory_does_not_drain_by_itself(journal: Journal) -> None:
    draining = Draining(journal)
    assert draining.in_force(settings()) == Drain(False, None, "")
    assert draining.shutdown_time(settings()) is None


def test_a_command_is_kept_over_restarts_until_it_is_taken_back(journal: Journal) -> None:
    Draining(journal).start(NOW + 3600, "new disk", NOW)
    again = Draining(journal)
    assert again.in_force(settings()) == Drain(True, NOW + 3600, "new disk")
    again.stop(NOW + 60)
    assert Draining(journal).in_force(settings()) == again.in_force(settings()) == Drain()
    assert noted(journal) == [("draining", "new disk"), ("undrained", "")]


def test_the_site_files_can_have_it_drain_too_and_undraining_says_so(journal: Journal) -> None:
    draining = Draining(journal)
    wanted = settings(draining=True)
    assert draining.in_force(wanted) == Drain(True, None, "draining = yes in [settings]")
    draining.start(NOW + 60, "by hand", NOW)
    assert draining.in_force(wanted).reason == "by hand"
    draining.stop(NOW)
    assert draining.in_force(wanted).on


@given(st.none() | st.integers(0, 2**40), st.none() | st.integers(0, 2**40))
def test_the_earlier_end_counts(commanded: int | None, sites: int | None) -> None:
    journal = Journal(":memory:")
    draining = Draining(journal)
    draining.start(commanded, "", NOW)
    end = draining.shutdown_time(settings(shutdown_time=sites))
    journal.close()
    assert end == min((time for time in (commanded, sites) if time is not None), default=None)


def test_what_cannot_be_journalled_is_not_in_force(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_name: str, _value: str | None) -> None:
        raise JournalError("the disk is full")

    draining = Draining(journal)
    with monkeypatch.context() as patched:
        patched.setattr(journal, "remember", full)
        with pytest.raises(JournalError):
            draining.start(None, "", NOW)
        assert not draining.in_force(settings()).on
    draining.start(None, "", NOW)
    monkeypatch.setattr(journal, "remember", full)
    with pytest.raises(JournalError):
        draining.stop(NOW)
    assert draining.in_force(settings()).on
