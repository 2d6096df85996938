"""Virtual time: it passes only when nothing else can happen, and in the same order each time."""

import asyncio
import math
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.testing import NOW, FakeHost, FakeHypervisor, Life, VirtualClock, create_request, home, run_virtual


def test_a_clock_stands_still_until_it_is_advanced():
    clock = VirtualClock()
    assert (clock(), clock.monotonic(), clock.until_alarm()) == (NOW, 0.0, None)
    clock.advance(5)
    assert (clock(), clock.monotonic()) == (NOW + 5, 5.0)


def test_a_jump_alters_the_time_of_day_and_rings_nothing():
    clock, rung = VirtualClock(), []
    clock.call_later(10, lambda: rung.append(clock()))
    clock.jump(3600)
    assert (clock(), rung) == (NOW + 3600, [])
    clock.jump(-7200)
    clock.advance(10)
    assert rung == [NOW - 3600 + 10]


@given(st.lists(st.integers(0, 100)), st.integers(0, 100))
def test_alarms_ring_in_order_each_at_its_own_time(delays, end):
    clock, rung = VirtualClock(), []
    for delay in delays:
        clock.call_later(delay, lambda: rung.append(clock.monotonic()))
    clock.advance(end)
    assert rung == sorted(delay for delay in delays if delay <= end)
    assert clock.monotonic() == end


def test_an_alarm_may_set_another():
    clock, rung = VirtualClock(), []
    clock.call_later(1, lambda: clock.call_later(1, lambda: rung.append(clock.monotonic())))
    clock.advance(3)
    assert rung == [2.0]


def test_a_thread_sleeps_until_the_clock_is_advanced():
    clock, awake = VirtualClock(), threading.Event()
    thread = threading.Thread(target=lambda: (clock.sleep(60), awake.set()))
    thread.start()
    while clock.until_alarm() is None:
        time.sleep(0)
    assert not awake.is_set()
    clock.advance(60)
    thread.join(10)
    assert awake.is_set()


def test_a_day_passes_in_a_moment():
    clock = VirtualClock()

    async def story():
        await asyncio.sleep(86400)
        return clock()

    begin = time.monotonic()
    assert run_virtual(story(), clock) == NOW + 86400
    assert time.monotonic() - begin < 60


def test_timers_and_alarms_happen_in_the_order_of_their_times():
    clock, seen = VirtualClock(), []

    async def story():
        clock.call_later(2, lambda: seen.append("alarm 2"))
        for seconds in (3, 1):
            asyncio.get_running_loop().call_later(seconds, seen.append, f"timer {seconds}")
        await asyncio.sleep(4)

    run_virtual(story(), clock)
    assert seen == ["timer 1", "alarm 2", "timer 3"]


def test_threads_work_one_after_the_other_and_in_no_time():
    clock, seen = VirtualClock(), []

    def work(name):
        seen.append(f"{name} begins")
        clock.sleep(5)
        seen.append(f"{name} ends")
        return name

    async def story():
        return await asyncio.gather(*(asyncio.to_thread(work, name) for name in "ab"))

    assert run_virtual(story(), clock) == ["a", "b"]
    assert seen == ["a begins", "b begins", "a ends", "b ends"]
    assert clock.monotonic() == 5.0


def test_what_a_thread_raises_is_raised_where_it_is_awaited():
    async def story():
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)

    run_virtual(story())


def test_a_call_that_hangs_meets_its_deadline():
    clock = VirtualClock()

    async def story():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(clock.sleep, math.inf), 30)

    run_virtual(story(), clock)
    assert clock.monotonic() == 30.0


def test_time_stands_still_while_a_thread_waits_for_the_loop():
    clock = VirtualClock()

    async def story():
        loop = asyncio.get_running_loop()

        async def answer():
            return clock.monotonic()

        def ask():
            return asyncio.run_coroutine_threadsafe(answer(), loop).result(30)

        timer = loop.create_task(asyncio.sleep(3600))
        assert await asyncio.to_thread(ask) == 0.0
        timer.cancel()

    run_virtual(story(), clock)


def test_real_sockets_are_served_before_time_passes():
    clock = VirtualClock()

    async def story():
        one, other = socket.socketpair()
        for end in (one, other):
            end.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(one, b"hello")
        heard = await asyncio.wait_for(loop.sock_recv(other, 100), 1)
        one.close()
        other.close()
        return heard

    assert run_virtual(story(), clock) == b"hello"
    assert clock.monotonic() == 0.0


def test_a_fake_machine_lives_its_life_on_the_clock(tmp_path):
    clock = VirtualClock()
    host, at = FakeHost(clock), home(tmp_path)
    host.lives = lambda _: Life(
        runs_after=10, ends_after=100, message=b"300 Nothing to do", outputs={"heartbeat": b"1"}
    )
    hypervisor, told = FakeHypervisor(host), []
    hypervisor.start(at)
    hypervisor.watch(lambda machine_id: told.append((machine_id, clock.monotonic())))
    request = create_request(at)
    hypervisor.create(request)
    outputs = request.directory / "joboutputs"
    assert [one.running for one in hypervisor.list_machines()] == [False]
    clock.advance(50)
    assert [(one.running, one.cpu_seconds) for one in hypervisor.list_machines()] == [(True, 40.0)]
    assert (outputs / "heartbeat").read_bytes() == b"1"
    clock.advance(50)
    assert (outputs / "shutdown_message").read_bytes() == b"300 Nothing to do"
    assert told == [(request.machine.id, 10.0), (request.machine.id, 100.0)]
    clock.advance(1000)
    assert [(one.ended, one.cpu_seconds) for one in hypervisor.list_machines()] == [(True, 90.0)]


def test_a_fake_host_refuses_fails_and_takes_its_time_as_it_is_told(tmp_path):
    clock = VirtualClock()
    host, at = FakeHost(clock), home(tmp_path)
    hypervisor = FakeHypervisor(host)
    hypervisor.start(at)
    host.lives = lambda _: Life(refused=OSError("no image"))
    with pytest.raises(OSError, match="no image"):
        hypervisor.create(create_request(at))
    host.failures["list_machines"] = OSError("no answer")
    with pytest.raises(OSError, match="no answer"):
        hypervisor.list_machines()
    host.delays["destroy"] = 7.0

    async def story():
        await asyncio.to_thread(hypervisor.destroy, "nobody")

    run_virtual(story(), clock)
    assert clock.monotonic() == 7.0
