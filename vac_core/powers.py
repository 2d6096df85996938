"""Optional powers: a hypervisor may have any of them beside `vac_core.interfaces.Hypervisor`, others some.

The factory asks ``isinstance(hypervisor, CanPause)`` and the like; the contract suite tests what is there. As with the
interfaces, methods may block, each is called in a worker thread with a deadline, and what it raises is contained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import attrs

from vac_core.config.schema import MachineType
from vac_core.model import Machine


@runtime_checkable
class CanPause(Protocol):
    """Hold a machine still."""

    def pause(self, machine_id: str) -> None:
        """Stop it from using the processor."""

    def resume(self, machine_id: str) -> None:
        """Let it go on."""


@runtime_checkable
class CanCap(Protocol):
    """Hold a machine's use of its processors down, as for a host that is lent out."""

    def cap(self, machine_id: str, part: float | None) -> None:
        """Let it use at most this part (above 0, up to 1) of its processors' time; None for all of it."""


@runtime_checkable
class KeepsLog(Protocol):
    """Show what a running machine prints, where that is not in ``console.log`` in its directory all along."""

    def console_log(self, machine_id: str, most_octets: int) -> bytes:
        """The newest part of what it has printed; empty for a machine that is not known."""


@runtime_checkable
class ServesGuests(Protocol):
    """Machines have addresses of their own, and find the factory's HTTP service at addresses that they know."""

    def service_addresses(self) -> Sequence[tuple[str, int]]:
        """Addresses and TCP ports of this host at which the service must also listen; they need not be up yet."""

    def address_of(self, machine: Machine) -> str:
        """The IP address that a machine will have to itself, by which the service knows it; empty for none."""


@runtime_checkable
class DeliversContexts(Protocol):
    """Machines get their contexts in one of several ways, which their machinetype chooses."""

    def delivery_of(self, machinetype: MachineType) -> str:
        """The name of one of `vac_core.context.delivery.DELIVERIES`; nothing is touched.

        The factory then makes ids of machines and what the metadata service says fit for it, and refuses user data
        that a machine could not use.
        """


SHARED: Final = "shared"
"""The directory of `vac_core.interfaces.Context.shared`: its name in a machine's own directory, and the tag by which a
virtual machine mounts it."""
MEDIA: Final = (SHARED, "floppy", "cdrom")


@runtime_checkable
class CarriesMedia(Protocol):
    """Machines can be given more than files and user data, as some guests of virtual machines expect it."""

    media: frozenset[str]
    """Those of `MEDIA` that it carries, named as the fields of `vac_core.interfaces.Context` are."""


@runtime_checkable
class WatchesMachines(Protocol):
    """A contextualiser sees from outside what its machines come to, where their guests tell no factory."""

    def look(self, machine: Machine, directory: Path, *, ended: bool) -> str:
        """The shutdown message that a machine has come to; empty while it goes on.

        Asked every few seconds while the machine runs or is paused, and once more when it has ended, before its outcome
        is settled and its own ``directory`` is cleared. A machine that has come to a message is asked to end; what its
        guest itself left as a shutdown message counts before this one. What is in ``directory`` is the guest's, and
        hostile: `vac_core.guest_files` reads it.
        """


@attrs.frozen(kw_only=True)
class Demand:
    """What one machine takes of a resource, in the resource's unit."""

    per_machine: int = 0
    per_processor: int = 0

    def of(self, processors: int) -> int:
        """What a machine of so many processors takes."""
        return self.per_machine + self.per_processor * processors


@attrs.frozen(kw_only=True)
class Resources:
    """What a host has of things that a hypervisor can promise only once: devices, disk space, huge pages."""

    capacity: Mapping[str, int] = attrs.field(factory=dict)
    """Each resource's whole, that which its machines hold now included; by a name that people understand, such as
    ``PCI device 0000:3b:00.0`` or ``bytes of disk in /var/lib/vac``."""
    demands: Mapping[str, Mapping[str, Demand]] = attrs.field(factory=dict)
    """By machinetype, then by resource: what each of its machines takes."""
    refusals: Mapping[str, str] = attrs.field(factory=dict)
    """Machinetypes of which no machine can be made at this moment, each with the reason and the mend."""


@runtime_checkable
class HasResources(Protocol):
    """Machines take of what there is only so much of; the factory counts it before it promises a machine.

    A contextualiser may have this power too, to refuse machinetypes for now: when a credential is about to expire, say.
    """

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """What there is, and what these machinetypes, which are all its own, need of it.

        A hypervisor is asked before each decision that follows a change, so it must be quick: what takes long is done
        in a thread of its own, which calls ``changed("")`` of `Hypervisor.watch` when it has news. A contextualiser
        is asked at each periodic pass.
        """


@runtime_checkable
class LooksAhead(Protocol):
    """A hypervisor or contextualiser knows what machines of a type lack as yet, before one is made.

    Unlike a fault that ``check`` finds, what is missing may come at any time: ``vac config check`` and ``vac doctor``
    warn of it, and the factory tries all the same.
    """

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """What is not there now, such as a file, each with the option that names it and the mend; no URL is asked."""
