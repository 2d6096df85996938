"""How fast a factory answers VacQuery on one core, and how long it takes to hear a whole space on the loopback."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

from benchmarks.table import Row
from vac_core.config.read import Peer
from vac_core.factory.endpoint import Limits, Responder, Rules, query
from vac_core.interfaces import SpaceView
from vac_core.model import FactoryReport, Machine, MachineState, Outcome, TypeReport
from vac_core.vacquery.messages import Query, QueryKind, encode

SPACE: Final = "vac01.example.org"
TYPES: Final = 4
SLOTS: Final = 32
IN_FLIGHT: Final = 16
SECONDS: Final = 0.5
NOW: Final = 1_700_000_000.0
_UNLIMITED: Final = Limits(source_rate=1e9, source_burst=1e9, total_rate=1e9, total_burst=1e9)


def run() -> Iterator[Row]:
    """Queries a second of one responder, and the time of a poll of 10 and of 100 factories."""
    with _factories(1) as ([peer], served):
        for kind, parts in ((QueryKind.MACHINETYPES, TYPES), (QueryKind.FACTORY, 1)):
            rates = [_rates(peer, kind, parts, served) for _ in range(10)]
            what = f"responder: {kind}_query, {TYPES} machinetypes, {SLOTS} slots"
            yield Row(what=what, unit="queries/s", samples=[rate for rate, _ in rates])
            yield Row(what="  for each second of its processor", unit="queries/s", samples=[rate for _, rate in rates])
    for count, target in ((10, "under 20 ms"), (100, "under 100 ms")):
        with _factories(count) as (peers, _):
            samples = asyncio.run(_polls(peers, 30))
        yield Row(
            what=f"poll of {count} factories, {TYPES} machinetypes each", unit="ms", samples=samples, target=target
        )


async def _polls(peers: list[Peer], runs: int) -> list[float]:
    return [await _poll(peers) for _ in range(runs)]


async def _poll(peers: list[Peer]) -> float:
    began = time.perf_counter()
    replies = await query("machinetypes", peers, space=SPACE)
    elapsed = time.perf_counter() - began
    heard = sum(len(statuses) == TYPES for statuses in replies.statuses.values())
    if heard != len(peers):
        raise RuntimeError(f"{heard} of {len(peers)} factories were heard: what is measured is not a full view")
    return elapsed * 1000.0


def _rates(peer: Peer, kind: QueryKind, parts: int, served: Connection) -> tuple[float, float]:
    """Queries answered for each second of the clock, and of the responder's processor."""
    raw = encode(Query(kind=kind, cookie="c" * 64, space=SPACE))
    processor = _processor_seconds(served)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(5.0)
        asker.connect((peer.address, peer.port))
        for _ in range(IN_FLIGHT):
            asker.send(raw)
        answered, began = 0, time.perf_counter()
        while time.perf_counter() < began + SECONDS:
            for _ in range(parts):
                asker.recv(2048)
            asker.send(raw)
            answered += 1
        elapsed = time.perf_counter() - began
        for _ in range(IN_FLIGHT * parts):
            asker.recv(2048)
    return answered / elapsed, (answered + IN_FLIGHT) / (_processor_seconds(served) - processor)


def _processor_seconds(served: Connection) -> float:
    served.send("processor")
    return float(served.recv())


@contextmanager
def _factories(count: int) -> Iterator[tuple[list[Peer], Connection]]:
    """Responders of so many factories, all in one other process, which keeps to one core."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(count, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("end")
        process.join(5.0)


def _serve(count: int, connection: Connection) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-1:])
    asyncio.run(_answer(count, connection))


async def _answer(count: int, connection: Connection) -> None:
    peers = []
    for number in range(count):
        view = _view(f"wn{number:03}.example.org")
        responder = Responder(Rules(space=SPACE), lambda view=view: view, limits=_UNLIMITED)  # type: ignore[misc]
        peers.append(Peer(view.own.factory, "127.0.0.1", await responder.listen("127.0.0.1", 0)))
    ended = asyncio.Event()

    def commanded() -> None:
        if connection.recv() == "end":
            ended.set()
        else:
            connection.send(time.process_time())

    asyncio.get_running_loop().add_reader(connection.fileno(), commanded)
    connection.send(peers)
    await ended.wait()


def _view(factory: str) -> SpaceView:
    names = [f"type-{number}" for number in range(TYPES)]
    machines = tuple(_machine(slot, names[slot % TYPES]) for slot in range(SLOTS))
    reports = {name: _report(name) for name in names}
    own = FactoryReport(factory=factory, received=NOW, types=reports)
    return SpaceView(own=own, machines=machines, site="EXAMPLE", status={"max_machines": SLOTS, "load_average": 3.5})


def _report(name: str) -> TypeReport:
    return TypeReport(
        machinetype=name,
        running_hs06=84.0,
        running_machines=SLOTS // TYPES,
        running_processors=SLOTS // TYPES,
        outcome=Outcome(200, "Intended work completed ok"),
        shutdown_time=NOW,
        shutdown_machine="wn01-00.example.org",
        fqan="/lhcb/Role=NULL/Capability=NULL",
        max_processors=8,
        min_processors=1,
        max_wallclock_seconds=86400,
        min_wallclock_seconds=3600,
        bytes_per_processor=2**31,
    )


def _machine(slot: int, name: str) -> Machine:
    return Machine(
        id=f"00000000-0000-0000-0000-{slot:012}",
        name=f"wn01-{slot:02}.example.org",
        slot=slot,
        machinetype=name,
        machine_model="process",
        hypervisor="process",
        processors=1,
        state=MachineState.RUNNING,
        created=NOW,
        started=NOW,
        heartbeat=NOW,
        shutdown_time=NOW + 86400,
    )
