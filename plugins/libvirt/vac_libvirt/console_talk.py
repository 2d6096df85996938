"""Opening a machine's serial console, and talking to it."""

from __future__ import annotations

import sys
from typing import Any

import click
import libvirt

from vac_core.cli.trouble import Trouble
from vac_libvirt.conversation import converse, raw_terminal
from vac_libvirt.errors import explained
from vac_libvirt.event_loop import ensure_running
from vac_libvirt.mark import mark_of


def talk(uri: str, machine: str, space: str, *, force: bool) -> None:
    """Talk until either ends it; raises `Trouble` where the console cannot be opened."""
    ensure_running()
    try:
        stream = _open(uri, machine, space, force)
    except libvirt.libvirtError as error:
        raise Trouble(str(explained(error, f"the console of {machine} cannot be opened"))) from error
    with raw_terminal(sys.stdin.fileno()):
        click.echo(f"connected to {machine}; Ctrl-] ends it\r", err=True)
        has_ended = converse(stream, sys.stdin.fileno(), sys.stdout.fileno())
    click.echo(f"\n{machine} has ended" if has_ended else "\nno longer connected", err=True)


def _open(uri: str, machine: str, space: str, force: bool) -> Any:
    connection = libvirt.open(uri)
    domain = _find(connection, machine)
    mark = None if domain is None else mark_of(domain)
    if domain is None or mark is None or not mark.machine_id:
        raise Trouble(f"no virtual machine {machine} runs here: 'vac machines' lists those of this factory")
    if mark.space != space:
        raise Trouble(f"{machine} is a machine of the space {mark.space}: give its site files with --config")
    stream = connection.newStream(0)
    how = libvirt.VIR_DOMAIN_CONSOLE_FORCE if force else libvirt.VIR_DOMAIN_CONSOLE_SAFE
    domain.openConsole(None, stream, how)
    return stream


def _find(connection: Any, machine: str) -> Any:
    for look_up in (connection.lookupByName, connection.lookupByUUIDString):
        try:
            return look_up(machine)
        except libvirt.libvirtError as error:
            if error.get_error_code() not in {libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_INVALID_ARG}:
                raise
    return None
