"""Observers: told of every event, in order, at least once, each at its own pace, also after a crash."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vac_core.factory.calls import ThreadCalls
from vac_core.factory.herald import Herald
from vac_core.factory.journal import Journal, JournalError
from vac_core.interfaces import Observer
from vac_core.model import Event
from vac_core.testing import NOW, FakeObserver, VirtualClock, run_virtual

Story = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def note(journal: Journal, *whats: str) -> None:
    for what in whats:
        journal.note(what, "", now=NOW)


def heard(observer: FakeObserver) -> list[str]:
    return [event.what for event in observer.events]


async def tell_all(herald: Herald) -> None:
    """Cry, and wait until all that can be told is told."""
    herald.cry()
    await asyncio.sleep(1)


def herald(journal: Journal, *observers: Observer) -> Herald:
    return Herald(journal, observers, ThreadCalls())


def test_each_observer_is_told_of_all_in_order(journal: Journal) -> None:
    async def story() -> None:
        one, two = FakeObserver(name="one"), FakeObserver(name="two")
        crier = herald(journal, one, two)
        note(journal, *(str(number) for number in range(250)))
        await tell_all(crier)
        assert heard(one) == heard(two) == [str(number) for number in range(250)]
        note(journal, "later")
        await tell_all(crier)
        assert heard(one)[250:] == ["later"]

    run_virtual(story())


def test_a_new_observer_is_not_told_of_what_was_before_it(journal: Journal) -> None:
    async def story() -> None:
        note(journal, "before")
        observer = FakeObserver()
        crier = herald(journal, observer)
        note(journal, "after")
        await tell_all(crier)
        assert heard(observer) == ["after"]

    run_virtual(story())


def test_an_observer_that_fails_is_told_again_from_where_it_failed(journal: Journal) -> None:
    async def story() -> None:
        observer = FakeObserver()
        crier = herald(journal, observer)
        note(journal, "one")
        await tell_all(crier)
        observer.failures = 2
        note(journal, "two", "three")
        for attempt in range(2):
            await tell_all(crier)
            assert heard(observer) == ["one"]
            assert "event 2 is to be told again" in crier.troubles["fake"], attempt
        await tell_all(crier)
        assert heard(observer) == ["one", "two", "three"]
        assert crier.troubles == {}

    run_virtual(story())


def test_a_slow_observer_holds_up_no_other(journal: Journal) -> None:
    class Slow(FakeObserver):
        def observe(self, event: Event) -> None:
            clock.sleep(10)
            super().observe(event)

    clock = VirtualClock()

    async def story() -> None:
        slow, quick = Slow(name="slow"), FakeObserver(name="quick")
        crier = herald(journal, slow, quick)
        note(journal, "one", "two")
        await tell_all(crier)
        assert (heard(slow), heard(quick)) == ([], ["one", "two"])
        note(journal, "three")
        crier.cry()
        await asyncio.sleep(30)
        assert heard(slow) == heard(quick) == ["one", "two", "three"]

    run_virtual(story(), clock)


def test_an_observer_that_hangs_is_in_trouble_and_holds_up_no_other(journal: Journal) -> None:
    class Hanging(FakeObserver):
        def observe(self, event: Event) -> None:
            clock.sleep(math.inf)

    clock = VirtualClock()

    async def story() -> None:
        quick = FakeObserver(name="quick")
        crier = herald(journal, Hanging(name="hanging"), quick)
        note(journal, "one")
        crier.cry()
        await asyncio.sleep(40)
        assert crier.troubles == {"hanging": "observer hanging at event 1 took longer than 30 s"}
        note(journal, "two")
        await tell_all(crier)
        assert heard(quick) == ["one", "two"]
        assert "has not returned" in crier.troubles["hanging"]
        await crier.close()

    run_virtual(story(), clock)


def test_the_place_of_an_observer_outlives_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"

    async def first() -> None:
        journal = Journal(path)
        observer = FakeObserver()
        crier = herald(journal, observer)
        note(journal, "one", "two")
        await tell_all(crier)
        note(journal, "three")
        journal.close()

    async def second() -> None:
        journal = Journal(path)
        observer = FakeObserver()
        crier = herald(journal, observer)
        await tell_all(crier)
        assert heard(observer) == ["three"]
        journal.close()

    run_virtual(first())
    run_virtual(second())


def test_closing_tells_what_can_be_told(journal: Journal) -> None:
    async def story() -> None:
        good, bad = FakeObserver(name="good"), FakeObserver(name="bad")
        bad.failures = 100
        crier = herald(journal, bad, good)
        note(journal, "last")
        await crier.close()
        assert (heard(good), heard(bad)) == (["last"], [])

    run_virtual(story())


def test_a_journal_that_cannot_be_written_is_a_trouble_and_loses_no_event(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_observer: str, _seq: int) -> None:
        raise JournalError("the disk is full")

    async def story() -> None:
        observer = FakeObserver()
        crier = herald(journal, observer)
        note(journal, "one")
        with monkeypatch.context() as patched:
            patched.setattr(journal, "tell", full)
            await tell_all(crier)
            assert crier.troubles == {"fake": "the disk is full"}
        await tell_all(crier)
        assert heard(observer) == ["one", "one"], "at least once"
        assert crier.troubles == {}

    run_virtual(story())
    assert "never retrieved" not in caplog.text


@given(st.lists(st.tuples(st.sampled_from(["note", "cry", "fail", "die"]), st.integers(1, 4)), max_size=20))
@settings(max_examples=40, deadline=None)
def test_no_event_is_lost_or_told_out_of_turn_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("herald") / "journal.sqlite"
    observer, noted = FakeObserver(), 0

    async def story() -> None:
        nonlocal noted
        journal = Journal(path)
        crier = herald(journal, observer)
        for happening, many in happenings:
            if happening == "note":
                note(journal, *(str(noted + number) for number in range(many)))
                noted += many
            elif happening == "fail":
                observer.failures = many
            elif happening == "cry":
                await tell_all(crier)
            else:
                journal.close()
                journal = Journal(path)
                crier = herald(journal, observer)
        observer.failures = 0
        await tell_all(crier)
        journal.close()

    run_virtual(story())
    assert list(dict.fromkeys(heard(observer))) == [str(number) for number in range(noted)]
    assert heard(observer) == sorted(heard(observer), key=int)
