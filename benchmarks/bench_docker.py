"""Machines that are containers: against the bare library and against the command ``docker run``, on a real engine."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.table import Row
from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home, PluginError
from vac_core.testing import create_request, home, machine
from vac_core.testing.box import DOCKER, docker_host, unavailable

_ROUNDS: Final = 10
_MANY: Final = 32
_AT_ONE_TIME: Final = 4
_WATCHED: Final = (32, 8, 1)
_MIB: Final = 1048576
_IMAGE: Final = "localhost/vac-bench:1"
_STAYS: Final = b"#!/bin/sh\nexec sleep 600\n"
_ENDS: Final = b"#!/bin/sh\nexit 0\n"


def run() -> Iterator[Row]:
    """Measure on the engine at DOCKER_HOST, or on one that is started for it; a row says why where there is none."""
    with ExitStack() as stack:
        try:
            import docker  # noqa: PLC0415 - the other benchmarks do without the plugin
            from vac_docker import DockerHypervisor, DockerPlugin  # noqa: PLC0415
            from vac_docker.testing import busybox_archive  # noqa: PLC0415

            socket = stack.enter_context(_engine())
        except (ImportError, _NoEngineError) as reason:
            yield Row(what=f"docker: not measured: {reason}", unit="", samples=[float("nan")])
            return
        client = docker.APIClient(base_url=socket, version="auto", timeout=60)
        stack.callback(client.close)
        for _ in client.load_image(busybox_archive(_IMAGE)):
            pass
        hypervisor = DockerHypervisor(DockerPlugin(socket=socket))
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vac-bench-")))
        yield from _Bench(hypervisor, home(place), client, socket).rows()


class _NoEngineError(Exception):
    pass


@contextmanager
def _engine() -> Iterator[str]:
    if "DOCKER_HOST" in os.environ:
        yield os.environ["DOCKER_HOST"]
        return
    if reason := unavailable(*DOCKER):
        raise _NoEngineError(f"{reason}; or name an engine with DOCKER_HOST")
    with docker_host() as host:
        yield host.url


class _Bench:
    def __init__(self, hypervisor: Any, at: Home, client: Any, socket: str) -> None:
        self.hypervisor = hypervisor
        self.home = at
        self.client = client
        self.socket = socket
        self.news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.slot = 0

    def rows(self) -> Iterator[Row]:
        self.hypervisor.start(self.home)
        self.hypervisor.watch(self.news.put)
        try:
            self._made(_ENDS)
            self._clear()
            yield _row("docker: create() to running", [self._create() for _ in range(_ROUNDS)])
            yield _row("  the same by bare docker-py calls", [self._bare() for _ in range(_ROUNDS)])
            if shutil.which("docker"):
                yield _row("  the same by docker run --detach", [self._command() for _ in range(_ROUNDS)])
            yield _row("docker: turnaround, an end to its successor running", [self._turn() for _ in range(_ROUNDS)])
            yield _row(f"docker: {_MANY} machines, {_AT_ONE_TIME} at a time", [self._many()])
            for count in _WATCHED:
                yield _row(f"docker: list_machines() of {count}", self._lists(count))
        finally:
            self._clear()
            self.hypervisor.stop()

    def _request(self, user_data: bytes) -> CreateRequest:
        self.slot += 1
        one = machine(self.slot, machinetype="bench", machine_model="docker", memory_bytes=64 * _MIB)
        kind = MachineType(name="bench", machine_model="docker", root_image=f"docker://{_IMAGE}", user_data="u")
        return create_request(self.home, one, kind, user_data=user_data)

    def _made(self, user_data: bytes) -> CreateRequest:
        request = self._request(user_data)
        self.hypervisor.create(request)
        return request

    def _create(self) -> float:
        request = self._request(_STAYS)
        begin = time.perf_counter()
        self.hypervisor.create(request)
        took = time.perf_counter() - begin
        self.hypervisor.destroy(request.machine.id)
        return took

    def _bare(self) -> float:
        begin = time.perf_counter()
        limits = {"mem_limit": 64 * _MIB, "cap_drop": ["ALL"], "init": True, "pids_limit": 4096}
        config = self.client.create_host_config(**limits)
        made = self.client.create_container(_IMAGE, ["sleep", "600"], host_config=config)["Id"]
        self.client.start(made)
        took = time.perf_counter() - begin
        self.client.remove_container(made, force=True)
        return took

    def _command(self) -> float:
        name = f"vac-bench-{uuid.uuid4()}"
        limits = ["--memory", "64m", "--cap-drop", "ALL", "--init", "--pids-limit", "4096"]
        begin = time.perf_counter()
        argv = ["docker", "--host", self.socket, "run", "--detach", "--name", name, *limits, _IMAGE, "sleep", "600"]
        subprocess.run(argv, check=True, capture_output=True)
        took = time.perf_counter() - begin
        self.client.remove_container(name, force=True)
        return took

    def _turn(self) -> float:
        """From the moment in which a machine ends until the one that follows runs; the old one is then cleared."""
        first, following = self._made(_STAYS), self._request(_STAYS)
        begin = time.perf_counter()
        self.hypervisor.request_stop(first.machine.id)
        while not self._ended(first.machine.id):
            self.news.get(timeout=60)
        self.hypervisor.create(following)
        took = time.perf_counter() - begin
        for one in (first, following):
            self.hypervisor.destroy(one.machine.id)
        return took

    def _ended(self, machine_id: str) -> bool:
        return any(one.machine_id == machine_id and one.ended for one in self.hypervisor.list_machines())

    def _many(self) -> float:
        waiting: queue.SimpleQueue[CreateRequest | None] = queue.SimpleQueue()
        for _ in range(_MANY):
            waiting.put(self._request(_STAYS))
        for _ in range(_AT_ONE_TIME):
            waiting.put(None)
        begin = time.perf_counter()
        makers = [threading.Thread(target=self._drain, args=(waiting,)) for _ in range(_AT_ONE_TIME)]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
        return time.perf_counter() - begin

    def _drain(self, waiting: queue.SimpleQueue[CreateRequest | None]) -> None:
        while (request := waiting.get()) is not None:
            self.hypervisor.create(request)

    def _lists(self, count: int) -> list[float]:
        there = [one.machine_id for one in self.hypervisor.list_machines()]
        for machine_id in there[count:]:
            self.hypervisor.destroy(machine_id)
        for _ in range(count - len(there)):
            self._made(_STAYS)
        return [self._list() for _ in range(_ROUNDS)]

    def _list(self) -> float:
        begin = time.perf_counter()
        self.hypervisor.list_machines()
        return time.perf_counter() - begin

    def _clear(self) -> None:
        for one in self.hypervisor.list_machines():
            try:
                self.hypervisor.destroy(one.machine_id)
            except PluginError as problem:
                raise RuntimeError(f"a machine of the benchmark's stays: {problem}") from problem


def _row(what: str, seconds: list[float]) -> Row:
    return Row(what=what, unit="ms", samples=[1000 * one for one in seconds])
