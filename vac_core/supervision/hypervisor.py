"""What every hypervisor of supervised processes does alike: make, find, list, ask, hold, end and clear away."""

from __future__ import annotations

import abc
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from vac_core.interfaces import CreateRequest, Home, Hypervisor, Observed, PluginError
from vac_core.model import Health, HealthState
from vac_core.removal import remove
from vac_core.supervision.cgroup import Cgroup, cgroup_of, legacy_parents, parent_of_machines
from vac_core.supervision.clear import abandon, end_processes
from vac_core.supervision.ends import EndWatcher
from vac_core.supervision.launch import Launch
from vac_core.supervision.observe import observe
from vac_core.supervision.printed import newest_part
from vac_core.supervision.record import Record, Supervised, all_records, record_of
from vac_core.supervision.signal import Choice, hold, terminate
from vac_core.supervision.spawn import SHELL, launch
from vac_core.supervision.table import open_process, process

_MENDS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of the user's quota",
    errno.EROFS: "let the factory write there",
    errno.EACCES: "let the factory write there",
    errno.EAGAIN: "let its user have more processes",
    errno.EMFILE: "let the factory open more files",
    errno.ENOMEM: "free some memory",
}


class SupervisedHypervisor(Hypervisor):
    """Machines that are process groups, each with a supervisor.

    Its state directory holds one record for each machine, made before the machine and removed after it.
    """

    own: ClassVar[str]
    """What is made in a machine's directory, and removed with the machine."""
    log: ClassVar[str] = "console.log"
    """Where in a machine's directory that is kept which it prints."""
    uses_legacy_cgroups: ClassVar[bool] = False
    """Whether machines are limited by controllers of cgroups' version 1 too, where those are."""

    def __init__(self) -> None:
        self._home: Home | None = None
        self._watcher: EndWatcher | None = None
        self._told: Callable[[str], None] = _no_one
        self._creating: set[str] = set()

    @abc.abstractmethod
    def prepare(self, request: CreateRequest, cgroup: Cgroup | None) -> Launch:
        """What is to be started for a request; touches nothing.

        Raises `MachineTypeError` where the machinetype is at fault, `PluginError` otherwise.
        """

    @property
    @abc.abstractmethod
    def cgroup_option(self) -> str:
        """Where machines' cgroups are made: ``auto``, ``no`` or a path, as `parent_of_machines` takes it."""

    def whom_to_ask(self) -> Choice | None:
        """What chooses those of a machine's processes that are asked to end; None for its process group."""
        return None

    @property
    def home(self) -> Home:
        """What it was given at its start."""
        if self._home is None:
            raise PluginError(f"the hypervisor {self.name} was not started: call start first")
        return self._home

    def start(self, home: Home) -> None:
        """Find the machines that are there, and begin to wait for their ends."""
        self._home = home
        try:
            self._records.mkdir(mode=0o700, parents=True, exist_ok=True)
            records = all_records(self._records)
        except OSError as problem:
            raise PluginError(
                f"{self._records}: {problem.strerror}: make it a directory the factory may write"
            ) from None
        self._watcher = EndWatcher(self.tell)
        for record in records:
            if (supervised := record.supervised()) is not None:
                self._watcher.follow(supervised)

    def stop(self) -> None:
        """End the thread; machines go on running."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def health(self) -> Health:
        """Whether the kernel can do what is needed, and how well machines are held together."""
        if not os.access(SHELL, os.X_OK) or (own := process(os.getpid())) is None or (fd := open_process(own)) is None:
            return Health(HealthState.UNUSABLE, f"no {SHELL}, /proc or pidfd here", "use Linux 5.4 or newer with /proc")
        os.close(fd)
        return Health(found=self._containment)

    @property
    def _containment(self) -> str:
        parent = None if self._home is None else self._parent
        return (
            "machines are held by session and environment" if parent is None else f"machines have cgroups in {parent}"
        )

    @property
    def _records(self) -> Path:
        return self.home.state_dir / "machines"

    @property
    def _parent(self) -> Path | None:
        return parent_of_machines(self.cgroup_option)

    def create(self, request: CreateRequest) -> Mapping[str, str]:
        """Check that it can be run, write it down, and start it under its supervisor."""
        machine_id = request.machine.id
        what = self.prepare(request, self._cgroup(machine_id))
        record = self._new_record(machine_id)
        try:
            supervised = launch(record, what)
            if self._watcher is not None:
                self._watcher.follow(supervised)
        except BaseException as problem:
            self.destroy(machine_id)
            abandon(what)
            if isinstance(problem, OSError):
                raise PluginError(_explained(problem, machine_id)) from problem
            raise
        finally:
            self._creating.discard(machine_id)
        self._told(machine_id)
        return {"supervisor_pid": str(supervised.pid)}

    def _cgroup(self, machine_id: str) -> Cgroup | None:
        parent = self._parent
        legacy = legacy_parents() if self.uses_legacy_cgroups else ()
        return None if parent is None else cgroup_of(parent, machine_id, legacy)

    def tell(self, machine_id: str) -> None:
        """Let whoever watches know that a machine has changed, or with an empty id that something else has."""
        self._told(machine_id)

    def knows(self, machine_id: str) -> bool:
        """Whether there is a machine with this id, or something of one that was begun."""
        record = record_of(self._records, machine_id)
        return record is not None and record.directory.exists()

    def _new_record(self, machine_id: str) -> Record:
        record = record_of(self._records, machine_id)
        if record is None:
            raise PluginError(f"{machine_id!r} cannot be a machine's id: use letters, digits and hyphens")
        if record.directory.exists():
            raise PluginError(f"machine {machine_id} is there already: destroy it first")
        self._creating.add(machine_id)
        try:
            record.directory.mkdir(mode=0o700)
        except OSError as problem:
            self._creating.discard(machine_id)
            raise PluginError(_explained(problem, machine_id)) from problem
        return record

    def list_machines(self) -> Sequence[Observed]:
        """All that have a record."""
        return observe(all_records(self._records), frozenset(self._creating))

    def request_stop(self, machine_id: str) -> None:
        """Send SIGTERM to its process group, or to those who are to be asked."""
        if (supervised := self._supervised(machine_id)) is not None:
            terminate(supervised, self.whom_to_ask())

    def destroy(self, machine_id: str) -> None:
        """End all its processes, and remove all but the machine's directory itself and what it put out."""
        record = record_of(self._records, machine_id)
        if record is not None and record.directory.exists():
            end_processes(record)
            remove(self.home.machines_dir / machine_id / self.own)
            remove(record.directory)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Tell of ends as they happen; of those that came before, at once."""
        self._told = changed
        for record in all_records(self._records):
            supervised = record.supervised()
            if supervised is not None and supervised.now() is None:
                changed(record.machine_id)

    def console_log(self, machine_id: str, most_octets: int) -> bytes:
        """What its program prints goes to a file in its directory."""
        if record_of(self._records, machine_id) is None:
            return b""
        return newest_part(self.home.machines_dir / machine_id / self.log, most_octets)

    def pause(self, machine_id: str) -> None:
        """Hold it still."""
        self._hold(machine_id, held=True)

    def resume(self, machine_id: str) -> None:
        """Let it go on."""
        self._hold(machine_id, held=False)

    def _hold(self, machine_id: str, *, held: bool) -> None:
        if (supervised := self._supervised(machine_id)) is not None and supervised.now() is not None:
            hold(supervised, held=held)
            self._told(machine_id)

    def _supervised(self, machine_id: str) -> Supervised | None:
        record = record_of(self._records, machine_id)
        return None if record is None else record.supervised()


def _no_one(machine_id: str) -> None:
    """Who is told before anybody watches."""


def _explained(problem: OSError, machine_id: str) -> str:
    where = f"{problem.filename}: " if problem.filename else ""
    mend = _MENDS.get(problem.errno or 0, "see that the factory's state directory is whole")
    return f"machine {machine_id} cannot be made: {where}{problem.strerror}: {mend}"
