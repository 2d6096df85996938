"""``vac console``: talk to a machine's serial console."""

from __future__ import annotations

import sys
from typing import Any

import click
import libvirt

from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.trouble import Trouble
from vac_libvirt.conversation import converse, raw_terminal
from vac_libvirt.errors import explained
from vac_libvirt.event_loop import ensure_running
from vac_libvirt.mark import mark_of
from vac_libvirt.options import OPTION_SET, plugin_options


@click.command(epilog=examples("vac console vac01-03.example.org", "vac console vac01-03.example.org --force"))
@click.argument("machine")
@click.option("--force", is_flag=True, help="Take the console from whoever has it.")
@pass_invocation
def console(invocation: Invocation, machine: str, force: bool) -> None:
    """Talk to the serial console of a virtual machine.

    MACHINE is its id or its slot's host name. What it has printed before is in 'vac logs MACHINE'. Every key goes to
    the machine but Ctrl-], which ends the conversation; the machine goes on.
    """
    site = invocation.site
    uri = plugin_options(site.plugin_options.get(OPTION_SET)).uri
    ensure_running()
    try:
        stream = _open(uri, machine, site.settings.vac_space, force)
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
