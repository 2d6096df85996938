"""``vac console``: talk to a machine's serial console."""

from __future__ import annotations

import click

from vac_core.cli.invocation import Invocation, examples, pass_invocation
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
    from vac_libvirt.console_talk import talk  # noqa: PLC0415 - libvirt is large, and other commands do without

    site = invocation.site
    uri = plugin_options(site.plugin_options.get(OPTION_SET)).uri
    talk(uri, machine, site.settings.vac_space, force=force)
