"""Making one machine: whatever is cut off at any point is cleared by `vac_libvirt.clearing`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

import attrs

from vac_core.interfaces import CreateRequest, MachineTypeError, PluginError
from vac_libvirt.clearing import clear
from vac_libvirt.lending import choose, lent
from vac_libvirt.making import CONSOLE_LOG, Pieces, guest_of
from vac_libvirt.media import carry
from vac_libvirt.options import machine_options
from vac_libvirt.passable import make_passable
from vac_libvirt.record import Made, Record
from vac_libvirt.weight import cpu_shares
from vac_libvirt.works import Works


class Creation:
    """Makes machines; ``under_way`` holds the ids of those that are not finished."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._lending = threading.Lock()
        self.under_way: set[str] = set()

    def make(self, request: CreateRequest) -> Mapping[str, str]:
        """Make a machine and start it; what was made of one that fails is cleared before the error is raised."""
        machine_id = request.machine.id
        record = self._works.records.of(machine_id)
        if record is None:
            raise PluginError(f"machine {machine_id} cannot be made: its id is no UUID, as a domain's must be")
        with self._works.connection.use():
            self._begin(record)
        try:
            return self._make(request, record)
        except BaseException as problem:
            with contextlib.suppress(PluginError):  # what is left is cleared by the factory's own call of destroy
                clear(self._works, record)
            if isinstance(problem, OSError):
                raise PluginError(_explained(problem, machine_id)) from problem
            if isinstance(problem, MachineTypeError):
                raise MachineTypeError(f"machinetype {request.machinetype.name}: {problem}") from problem
            raise
        finally:
            self.under_way.discard(machine_id)

    def _begin(self, record: Record) -> None:
        self.under_way.add(record.machine_id)
        try:
            record.begin()
        except FileExistsError:
            raise PluginError(f"machine {record.machine_id} is there already: destroy it first") from None
        except OSError as problem:
            self.under_way.discard(record.machine_id)
            raise PluginError(_explained(problem, record.machine_id)) from problem

    def _make(self, request: CreateRequest, record: Record) -> Mapping[str, str]:
        works = self._works
        domain_type = works.accelerator.domain_type()
        made = self._note(request, record)
        directory = Path(made.disk_directory)
        make_passable(directory)
        pieces = self._pieces(request, made, directory)
        (request.directory / CONSOLE_LOG).touch(mode=0o600)
        mark = attrs.evolve(works.owner, machine_id=record.machine_id)
        works.domains.start(guest_of(request, mark, domain_type, pieces))
        record.note_started()  # it fails where the machine was cleared away meanwhile, by another thread
        return {"acceleration": domain_type, **pieces.storage.details}

    def _pieces(self, request: CreateRequest, made: Made, directory: Path) -> Pieces:
        parts = self._works.parts
        interfaces = tuple(parts.network.interfaces(request))
        storage = parts.disks.make(request, directory)
        delivered = parts.delivery.deliver(request, directory)
        return Pieces(
            directory=directory,
            lent=made.lent,
            interfaces=interfaces,
            storage=storage,
            delivered=delivered,
            carried=carry(request, directory, (*storage.disks, *delivered.disks)),
            cpu_shares=cpu_shares(request.machine.processors, request.machinetype.cpu_weight),
        )

    def _note(self, request: CreateRequest, record: Record) -> Made:
        """Choose the devices it is lent, and write down what will be made."""
        groups = machine_options(request.machinetype).hostdevs
        with self._lending:
            made = Made(
                name=request.machine.name,
                disk_directory=str(self._works.disk_directory(record.machine_id)),
                lent=choose(groups, lent(self._works.records)),
            )
            record.write(made)
        return made


def _explained(problem: OSError, machine_id: str) -> str:
    where = f"{problem.filename}: " if problem.filename else ""
    mend = "see that there is space, and that the factory may write there"
    return f"machine {machine_id} cannot be made: {where}{problem.strerror}: {mend}"
