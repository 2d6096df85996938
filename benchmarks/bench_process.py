"""How long the bare ``process`` hypervisor takes to start a machine, and to notice that one has ended."""

from __future__ import annotations

import os
import queue
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.table import Row
from vac_core.builtin.process import ProcessHypervisor
from vac_core.interfaces import CreateRequest, Home
from vac_core.testing import create_request, home

_ROUNDS = 100
_SLOTS = 64
_FILLS = 5
_STAYS = b"#!/bin/sh\nexec sleep 600\n"
_SAYS_WHEN_IT_STARTS = b'#!/bin/sh\necho >"$JOBOUTPUTS/started"\n'


def run() -> Iterator[Row]:
    """Measure on a state directory of its own."""
    with tempfile.TemporaryDirectory(prefix="vac-bench-") as directory:
        at = home(Path(directory))
        hypervisor = ProcessHypervisor()
        hypervisor.start(at)
        news: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        hypervisor.watch(lambda machine_id: news.put((machine_id, time.perf_counter())))
        try:
            yield _row("process: create() of one machine", [_create(hypervisor, at) for _ in range(_ROUNDS)])
            yield _row("process: create to the program's first act", [_start(hypervisor, at) for _ in range(_ROUNDS)])
            yield _row(
                "process: end of a machine to its event", [_notice(hypervisor, at, news) for _ in range(_ROUNDS)]
            )
            yield _row("process: destroy() of a running machine", [_destroy(hypervisor, at) for _ in range(_ROUNDS)])
            fills = [_fill(hypervisor, at) for _ in range(_FILLS)]
            yield _row(f"process: create() of {_SLOTS} machines, 4 at a time", fills, target="under 3000")
            yield _row(f"process: list_machines() of {_SLOTS}", _lists(hypervisor, at))
        finally:
            _clear(hypervisor)
            hypervisor.stop()


def _row(what: str, seconds: list[float], target: str = "") -> Row:
    return Row(what=what, unit="ms", samples=[1000 * one for one in seconds], target=target)


def _create(hypervisor: ProcessHypervisor, at: Home) -> float:
    request = create_request(at, user_data=_STAYS)
    begin = time.perf_counter()
    hypervisor.create(request)
    took = time.perf_counter() - begin
    hypervisor.destroy(request.machine.id)
    return took


def _start(hypervisor: ProcessHypervisor, at: Home) -> float:
    request = create_request(at, user_data=_SAYS_WHEN_IT_STARTS)
    fifo = request.directory / "joboutputs" / "started"
    _make_fifo(fifo)
    begin = time.perf_counter()
    hypervisor.create(request)
    fifo.read_bytes()  # returns when the program has written
    took = time.perf_counter() - begin
    hypervisor.destroy(request.machine.id)
    return took


def _notice(hypervisor: ProcessHypervisor, at: Home, news: queue.SimpleQueue[tuple[str, float]]) -> float:
    request = create_request(at, user_data=b'#!/bin/sh\nread -r go <"$JOBOUTPUTS/end"\n')
    fifo = request.directory / "joboutputs" / "end"
    _make_fifo(fifo)
    hypervisor.create(request)
    with fifo.open("wb") as end:
        while not news.empty():
            news.get()
        begin = time.perf_counter()
        end.write(b"go\n")
    while (told := news.get(timeout=10))[0] != request.machine.id:
        continue
    hypervisor.destroy(request.machine.id)
    return told[1] - begin


def _destroy(hypervisor: ProcessHypervisor, at: Home) -> float:
    request = create_request(at, user_data=_STAYS)
    hypervisor.create(request)
    begin = time.perf_counter()
    hypervisor.destroy(request.machine.id)
    return time.perf_counter() - begin


def _fill(hypervisor: ProcessHypervisor, at: Home) -> float:
    _clear(hypervisor)
    waiting: queue.SimpleQueue[CreateRequest | None] = queue.SimpleQueue()
    for _ in range(_SLOTS):
        waiting.put(create_request(at, user_data=_STAYS))
    for _ in range(4):
        waiting.put(None)

    def work() -> None:
        while (request := waiting.get()) is not None:
            hypervisor.create(request)

    threads = [threading.Thread(target=work) for _ in range(4)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def _lists(hypervisor: ProcessHypervisor, at: Home) -> list[float]:
    _fill(hypervisor, at)
    return [_timed_list(hypervisor) for _ in range(20)]


def _timed_list(hypervisor: ProcessHypervisor) -> float:
    begin = time.perf_counter()
    hypervisor.list_machines()
    return time.perf_counter() - begin


def _clear(hypervisor: ProcessHypervisor) -> None:
    for one in hypervisor.list_machines():
        hypervisor.destroy(one.machine_id)


def _make_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)
