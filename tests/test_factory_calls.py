"""Calls of what may block or raise: deadlines, calls that are stuck, and whatever a plugin can raise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vac_core.factory.calls import ThreadCalls, contained
from vac_core.interfaces import MachineTypeError, PluginError
from vac_core.testing import run_virtual

PATIENCE = 20.0
"""Real seconds that anything may take before a test gives up."""

Story = Callable[[ThreadCalls], Coroutine[Any, Any, None]]


def tell(story: Story, **made: int) -> None:
    """Run a story on real time, with real threads."""

    async def with_calls() -> None:
        calls = ThreadCalls(**made)
        try:
            async with asyncio.timeout(PATIENCE):
                await story(calls)
        finally:
            calls.close()

    asyncio.run(with_calls())


class Gate:
    """Holds up the threads that come to it until it is opened, and says when one has come."""

    def __init__(self) -> None:
        self.come = threading.Semaphore(0)
        self.open = threading.Event()
        self.gone = threading.Semaphore(0)

    def __call__(self) -> str:
        self.come.release()
        assert self.open.wait(PATIENCE)
        self.gone.release()
        return "through"


@contextmanager
def closed_gate() -> Iterator[Gate]:
    """A gate that is opened at the end, whatever happens, so that no thread is left behind it."""
    gate = Gate()
    try:
        yield gate
    finally:
        gate.open.set()


def raising(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


async def refusal(calls: ThreadCalls, function: Callable[[], object], what: str = "the call") -> str:
    with pytest.raises(PluginError) as caught:
        await calls(function, deadline=0.0, what=what)
    return str(caught.value)


def test_a_result_comes_back_from_another_thread() -> None:
    async def story(calls: ThreadCalls) -> None:
        thread = await calls(threading.current_thread, deadline=PATIENCE, what="asking")
        assert thread is not threading.current_thread()

    tell(story)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (MachineTypeError("user_data is missing"), MachineTypeError, "user_data is missing"),
        (PluginError("the socket is gone"), PluginError, "the socket is gone"),
        (ValueError("odd"), PluginError, "the call raised ValueError: odd"),
        (OSError(28, "No space left on device"), PluginError, "the call raised OSError: [Errno 28] No space left"),
        (KeyError("name"), PluginError, "the call raised KeyError: 'name'"),
        (RecursionError("deep"), PluginError, "the call raised RecursionError: deep"),
        (TimeoutError("their own"), PluginError, "the call raised TimeoutError: their own"),
    ],
)
def test_whatever_is_raised_is_contained_and_named(error: Exception, kind: type[Exception], text: str) -> None:
    async def story(calls: ThreadCalls) -> None:
        with pytest.raises(PluginError) as caught:
            await calls(raising(error), deadline=PATIENCE, what="the call")
        assert type(caught.value) is kind
        assert str(caught.value).startswith(text)
        assert type(caught.value.__cause__) is type(error)

    tell(story)


def test_a_subclass_of_a_plugins_own_is_told_as_the_kind_it_is() -> None:
    class OwnError(MachineTypeError):
        def __init__(self, first: str, second: str) -> None:
            super().__init__(f"{first} {second}")

    told = contained(OwnError("no", "image"), "making it")
    assert (type(told), str(told)) == (MachineTypeError, "no image")


def test_a_call_that_misses_its_deadline_is_left_behind_and_refused_until_it_returns() -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:
            with pytest.raises(PluginError, match=r"^listing took longer than 0\.05 s$"):
                await calls(gate, deadline=0.05, what="listing")
            assert await refusal(calls, gate, "listing") == "listing has not returned since it missed its deadline"
            assert gate.come.acquire(timeout=PATIENCE)
            assert not gate.come.acquire(blocking=False), "the second was never begun"
            assert await calls(lambda: "other", deadline=PATIENCE, what="other") == "other"
            gate.open.set()
            assert gate.gone.acquire(timeout=PATIENCE)
            assert await once_accepted(calls, gate, "listing") == "through"

    tell(story)


async def once_accepted(calls: ThreadCalls, function: Callable[[], object], what: str) -> object:
    """The call's result, or what it raised, once its stuck forerunner is known to have returned."""
    while True:
        try:
            return await calls(function, deadline=PATIENCE, what=what)
        except PluginError as error:
            if "has not returned" not in str(error):
                return str(error)
        await asyncio.sleep(0)


def test_what_a_late_call_raises_is_dropped_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:

            def late() -> None:
                gate()
                raise ValueError("too late")

            with pytest.raises(PluginError, match="took longer"):
                await calls(late, deadline=0.01, what="late")
            gate.open.set()
            assert gate.gone.acquire(timeout=PATIENCE)
            assert await once_accepted(calls, late, "late") == "late raised ValueError: too late"

    tell(story)
    assert caplog.records == []


def test_stuck_calls_leave_their_places_to_others() -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:
            for number in range(5):
                with pytest.raises(PluginError, match="took longer"):
                    await calls(gate, deadline=0.01, what=f"stuck {number}")
            assert await calls(lambda: "well", deadline=PATIENCE, what="healthy") == "well"

    tell(story, at_once=2)


def test_a_lane_that_is_full_holds_up_no_other() -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:
            tasks = [
                asyncio.create_task(calls(gate, deadline=PATIENCE, what=f"call {n}", lane="slow")) for n in range(5)
            ]
            for _ in range(2):
                assert await asyncio.to_thread(gate.come.acquire, timeout=PATIENCE)
            assert await calls(lambda: "well", deadline=PATIENCE, what="other", lane="quick") == "well"
            assert await calls(lambda: "well", deadline=PATIENCE, what="another") == "well"
            gate.open.set()
            assert await asyncio.gather(*tasks) == ["through"] * 5

    tell(story, at_once=2)


def test_a_host_of_stuck_calls_is_refused_more() -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:
            for number in range(2):
                with pytest.raises(PluginError, match="took longer"):
                    await calls(gate, deadline=0.01, what=f"stuck {number}")
            said = await refusal(calls, lambda: "never run", "one more")
            assert said == "one more is not begun: 2 calls have not returned since their deadlines"

    tell(story, most_stuck=2)


def test_a_thread_that_cannot_be_had_is_no_more_than_a_failed_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(calls: ThreadCalls) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", lambda _: raising(RuntimeError("can't start new thread"))())
            with pytest.raises(PluginError, match=r"^listing raised RuntimeError: can't start new thread$"):
                await calls(lambda: "never run", deadline=PATIENCE, what="listing")
        assert await calls(lambda: "well", deadline=PATIENCE, what="listing") == "well"

    tell(story)


def test_closing_waits_for_what_is_under_way() -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:
            task = asyncio.create_task(calls(gate, deadline=PATIENCE, what="writing"))
            assert await asyncio.to_thread(gate.come.acquire, timeout=PATIENCE)
            task.cancel()
            threading.Timer(0.05, gate.open.set).start()
            calls.close()
            assert gate.gone.acquire(blocking=False)

    tell(story)


def test_no_more_run_at_once_than_there_are_places() -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:
            tasks = [asyncio.create_task(calls(gate, deadline=PATIENCE, what=f"call {n}")) for n in range(5)]
            for _ in range(2):
                assert await asyncio.to_thread(gate.come.acquire, timeout=PATIENCE)
            for _ in range(20):
                await asyncio.sleep(0)
            assert not gate.come.acquire(blocking=False)
            gate.open.set()
            assert await asyncio.gather(*tasks) == ["through"] * 5

    tell(story, at_once=2)


def test_a_caller_that_is_cancelled_gives_its_place_back() -> None:
    async def story(calls: ThreadCalls) -> None:
        with closed_gate() as gate:
            task = asyncio.create_task(calls(gate, deadline=PATIENCE, what="given up"))
            assert await asyncio.to_thread(gate.come.acquire, timeout=PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await calls(lambda: "next", deadline=PATIENCE, what="next") == "next"

    tell(story, at_once=1)


def test_deadlines_hold_on_virtual_time_too() -> None:
    async def story() -> None:
        calls, loop = ThreadCalls(), asyncio.get_running_loop()
        with closed_gate() as gate:
            began = loop.time()
            gate.open.set()
            assert await calls(gate, deadline=600.0, what="quick") == "through"
            assert loop.time() == began
        calls.close()

    run_virtual(story())


HANG = """
import asyncio, threading
from vac_core.factory.calls import ThreadCalls
from vac_core.interfaces import PluginError

async def main():
    calls = ThreadCalls()
    try:
        await calls(threading.Event().wait, deadline=0.01, what="a dead backend")
    except PluginError as error:
        print(error)
    calls.close()

asyncio.run(main())
"""


def test_a_process_ends_though_a_call_never_returns() -> None:
    ran = subprocess.run([sys.executable, "-c", HANG], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ran.returncode, ran.stdout) == (0, "a dead backend took longer than 0.01 s\n"), ran.stderr
