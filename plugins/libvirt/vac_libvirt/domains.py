"""Running domains of ours: found by UUID and mark, started, asked to stop, ended. Another's is never touched."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import libvirt

from vac_core.interfaces import PluginError
from vac_libvirt.connection import Connection
from vac_libvirt.domain import domain_xml
from vac_libvirt.errors import is_gone
from vac_libvirt.guest import Guest
from vac_libvirt.mark import Mark, mark_of

_PERIOD_MICROSECONDS: Final = 100_000
_LEAST_QUOTA: Final = 1000
_NO_QUOTA: Final = -1
_AGENT_SECONDS: Final = 2


class Domains:
    """Those of one factory."""

    def __init__(self, connection: Connection, owner: Mark) -> None:
        self._connection = connection
        self._owner = owner

    def start(self, guest: Guest) -> None:
        """Start a transient domain; raises `PluginError` where its name is taken, or libvirt refuses it."""
        xml = domain_xml(guest)
        with self._connection.use(f"machine {guest.machine_id} cannot be started") as libvirtd:
            self._refuse_taken_name(libvirtd, guest.name)
            libvirtd.createXML(xml, 0)

    def _refuse_taken_name(self, libvirtd: Any, name: str) -> None:
        with _unless_gone():
            found = libvirtd.lookupByName(name)
            mark = mark_of(found)
            whose = (
                "of this factory too: it has not been cleared away" if self._is_ours(mark) else "not of this factory"
            )
            raise PluginError(
                f"the name {name} is taken by the domain {found.UUIDString()}, which is {whose}: it is left alone: "
                "see with virsh what it is, and end or rename it"
            )

    def _is_ours(self, mark: Mark | None) -> bool:
        return mark is not None and mark.same_owner(self._owner)

    def shut_down(self, machine_id: str) -> None:
        """Ask its operating system to shut down, by ACPI and by the guest agent if one answers."""

        def ask(domain: Any) -> None:
            if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
                domain.resume()
            press_power_button(domain)

        self._do(machine_id, ask, "cannot be asked to stop")

    def end(self, machine_id: str) -> None:
        """End it at once."""
        self._do(machine_id, lambda domain: domain.destroy(), "cannot be ended")

    def hold(self, machine_id: str, *, held: bool) -> None:
        """Hold it still, or let it go on."""

        def act(domain: Any) -> None:
            paused = domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED
            if held and not paused:
                domain.suspend()
            if not held and paused:
                domain.resume()

        self._do(machine_id, act, "cannot be paused or resumed")

    def cap(self, machine_id: str, part: float | None) -> None:
        """Let each of its processors run for at most this part of the time; None for no limit."""
        quota = _NO_QUOTA if part is None else max(_LEAST_QUOTA, round(part * _PERIOD_MICROSECONDS))
        parameters = {"vcpu_period": _PERIOD_MICROSECONDS, "vcpu_quota": quota}

        def act(domain: Any) -> None:
            domain.setSchedulerParametersFlags(parameters, libvirt.VIR_DOMAIN_AFFECT_LIVE)

        self._do(machine_id, act, "cannot be capped")

    def _do(self, machine_id: str, action: Callable[[Any], None], trouble: str) -> None:
        """Do something with the domain of a machine, if it runs and is ours; that it ends meanwhile is no error."""
        with self._connection.use(f"machine {machine_id} {trouble}") as libvirtd, _unless_gone():
            found = libvirtd.lookupByUUIDString(machine_id)
            if self._is_ours(mark_of(found)):
                _act(action, found)


def _act(action: Callable[[Any], None], domain: Any) -> None:
    """Do it; libvirt has one error for a domain that has ended meanwhile and for much else that cannot be done now."""
    try:
        action(domain)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID or domain.isActive():
            raise


def press_power_button(domain: Any) -> None:
    """By ACPI first, which a guest cannot hold up; its agent is a guest's program, and may never answer."""
    try:
        domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
        domain.shutdown()  # a driver with one way only
        return
    with contextlib.suppress(libvirt.libvirtError):  # most guests have no agent
        domain.agentSetResponseTimeout(_AGENT_SECONDS)
        domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT)


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as error:
        if not is_gone(error):
            raise
