"""Work in the background: each piece once, two at a time, whatever fails."""

from __future__ import annotations

import logging
import threading

import pytest

from vac_core.images.background import Background


def test_two_pieces_of_work_are_done_at_a_time_and_each_once() -> None:
    begun, go, done = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)
    seen: list[int] = []

    def work(what: int) -> None:
        seen.append(what)
        begun.release()
        assert go.wait(60)

    background = Background(work, done.release)
    for what in (1, 2, 3, 1, 2, 3):
        background.ask(what)
    assert begun.acquire(timeout=60)
    assert begun.acquire(timeout=60)
    assert sorted(seen) == [1, 2]
    assert background.has(3)
    go.set()
    for _ in range(3):
        assert done.acquire(timeout=60)
    assert sorted(seen) == [1, 2, 3]
    assert not any(background.has(what) for what in (1, 2, 3))
    background.ask(1)
    assert done.acquire(timeout=60)


def test_what_waits_can_be_forgotten() -> None:
    begun, go, done = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)

    def work(what: int) -> None:
        begun.release()
        assert go.wait(60)

    background = Background(work, done.release)
    for what in (1, 2, 3):
        background.ask(what)
    for _ in range(2):
        assert begun.acquire(timeout=60)
    background.forget()
    assert not background.has(3)
    go.set()
    assert done.acquire(timeout=60)
    assert done.acquire(timeout=60)
    assert not done.acquire(timeout=0.05)


def test_work_that_fails_in_an_unexpected_way_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Semaphore(0)

    def work(what: int) -> None:
        raise ValueError(what)

    background = Background(work, done.release)
    with caplog.at_level(logging.ERROR):
        for what in range(10):
            background.ask(what)
        for _ in range(10):
            assert done.acquire(timeout=60)
    assert caplog.text.count("unexpected trouble in the background") == 10
