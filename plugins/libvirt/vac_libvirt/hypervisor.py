"""The ``libvirt`` hypervisor: machines are virtual machines, which libvirt runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home, Hypervisor, Observed, PluginError
from vac_core.model import Health, HealthState, Machine
from vac_core.powers import Resources
from vac_libvirt.acceleration import Accelerator
from vac_libvirt.assembly import assemble
from vac_libvirt.clearing import clear
from vac_libvirt.connection import Connection
from vac_libvirt.creation import Creation
from vac_libvirt.domains import Domains
from vac_libvirt.mark import Mark
from vac_libvirt.options import MODELS, plugin_options
from vac_libvirt.record import Records
from vac_libvirt.trial import try_type
from vac_libvirt.watching import Watching
from vac_libvirt.works import Works

_PATIENCE_SECONDS: Final = 20.0


class LibvirtHypervisor(Hypervisor):
    """Machines that are transient domains of libvirt, each with our mark.

    Its state directory holds one record for each machine, made before the machine and removed after it.
    """

    name = "libvirt"
    machine_models = MODELS

    def __init__(self) -> None:
        self._works: Works | None = None
        self._creation: Creation | None = None
        self._watching: Watching | None = None

    def start(self, home: Home) -> None:
        """Connect to libvirt, or go on trying; find the machines that are there."""
        owner = Mark(space=home.space, factory=home.factory)
        records = Records(home.state_dir / "machines")
        try:
            records.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            records.tidy()
        except OSError as problem:
            raise PluginError(
                f"{problem.filename}: {problem.strerror}: make it a directory the factory may write"
            ) from problem
        self._watching = Watching(records, owner)
        connection = Connection(
            plugin_options(home.options()).uri,
            lifecycle=self._watching.lifecycle,
            opened=self._opened,
            upkeep=self._upkeep,
        )
        self._works = Works(
            home=home,
            owner=owner,
            connection=connection,
            domains=Domains(connection, owner),
            records=records,
            parts=assemble(home, connection, self._watching.news),
            accelerator=Accelerator(home.state_dir / "kvm", lambda: plugin_options(home.options()).virt_type),
        )
        self._creation = Creation(self._works)
        connection.start(_PATIENCE_SECONDS)

    def _opened(self) -> None:
        works = self._started
        self._settle_acceleration()
        works.parts.network.ensure()
        if self._watching is not None:
            self._watching.all_may_have_changed()

    def _upkeep(self) -> None:
        works = self._started
        self._settle_acceleration()
        works.parts.network.ensure()
        works.parts.disks.upkeep()

    def _settle_acceleration(self) -> None:
        works = self._started
        directory = Path(works.options.disk_directory)
        with works.connection.use("KVM cannot be tried") as libvirtd:
            works.accelerator.settle(libvirtd, lambda now: try_type(now, "kvm", works.owner, directory))

    @property
    def _started(self) -> Works:
        if self._works is None:
            raise PluginError("the hypervisor libvirt was not started: call start first")
        return self._works

    def stop(self) -> None:
        """Let go of the connection; machines go on running."""
        if self._works is not None:
            self._works.connection.close()

    def health(self) -> Health:
        """Whether libvirt answers, and how machines run."""
        trouble = self._started.connection.trouble
        if trouble:
            return Health(HealthState.UNUSABLE, trouble, "see that libvirtd runs and that this user may use it")
        return self._started.accelerator.health()

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype for libvirt."""
        if self._works is None:
            return ()
        parts = self._works.parts
        return [problem for part in (parts.disks, parts.network, parts.delivery) for problem in part.check(machinetype)]

    def create(self, request: CreateRequest) -> Mapping[str, str]:
        """Make its disks, its seed and its domain, and start it."""
        works = self._started
        if self._creation is None:
            raise PluginError("the hypervisor libvirt was not started: call start first")
        del works
        return self._creation.make(request)

    def list_machines(self) -> Sequence[Observed]:
        """All that have a record, and all domains with this factory's mark."""
        works = self._started
        if self._watching is None or self._creation is None:
            return ()
        return self._watching.look(works.connection, self._creation.under_way)

    def request_stop(self, machine_id: str) -> None:
        """Press its power button."""
        self._started.domains.shut_down(machine_id)

    def destroy(self, machine_id: str) -> None:
        """End its domain, and remove all but the machine's directory."""
        works = self._started
        if (record := works.records.of(machine_id)) is not None:
            clear(works, record)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Tell of libvirt's events as they come."""
        if self._watching is not None:
            self._watching.tell(changed)
            self._watching.all_may_have_changed()

    def pause(self, machine_id: str) -> None:
        """Stop its processors."""
        self._started.domains.hold(machine_id, held=True)

    def resume(self, machine_id: str) -> None:
        """Let them go on."""
        self._started.domains.hold(machine_id, held=False)

    def cap(self, machine_id: str, part: float | None) -> None:
        """Limit its processors' time."""
        self._started.domains.cap(machine_id, part)

    def service_addresses(self) -> Sequence[tuple[str, int]]:
        """The link-local addresses of its own network, where it has one."""
        return self._started.parts.network.service_addresses()

    def address_of(self, machine: Machine) -> str:
        """The address of its slot."""
        return self._started.parts.network.address_of(machine)

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """Disk space, devices and huge pages."""
        works = self._started
        return works.parts.disks.resources(machinetypes, works.home.settings())
