"""``vac machines``, ``machinetype`` and ``factories``: the whole space, as its factories tell it over VacQuery."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from vac_core.cli import space_rows
from vac_core.cli.asking import ask, silent_note
from vac_core.cli.display import at_work, clean, say, show_json, show_table
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.times import Seconds
from vac_core.cli.trouble import Trouble
from vac_core.config.schema import Site
from vac_core.vacquery.messages import FactoryStatus, MachineStatus

if TYPE_CHECKING:
    from vac_core.factory.endpoint import Replies

_F = TypeVar("_F", bound=Callable[..., Any])


def _asking_options(function: _F) -> _F:
    """The options of Vac 3's ``vac`` that these commands keep."""
    for option in (
        click.option("--json", "-J", "as_json", is_flag=True, help="Print what the factories sent as JSON."),
        click.option("--timeout", "-t", type=Seconds(0.01, 60.0), help="Wait at most so many seconds."),
        click.option("--space", "-s", metavar="NAME", help="Ask for this space instead of the site's own."),
    ):
        function = option(function)
    return function


@click.command(epilog=examples("vac machines", "vac machines wn01 wn02.example.org", "vac machines . --json"))
@click.argument("factories", nargs=-1)
@_asking_options
@pass_invocation
@click.pass_context
def machines(
    ctx: click.Context,
    invocation: Invocation,
    factories: Sequence[str],
    space: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Show each slot of the space.

    Each is shown with its machine, or with how its last one ended. CPU is processor time over elapsed time, over its
    life and recently; * marks machines past their fizzle_seconds.
    FACTORIES limits it to some; '.' is this one. Exits with 1 if one did not answer.
    """
    replies = _asked(invocation, "machines", factories, space=space, timeout=timeout)
    found = machines_of(replies)
    now = time.time()
    if as_json:
        show_json(replies_json(replies))
    else:
        rows = space_rows.machine_rows(found, _fizzle_seconds(invocation), now)
        show_table(space_rows.MACHINES, rows, right=("TIME", "CPU", "RECENT", "CPUS", "HS06"))
        running = sum(one.state == "Running" for one in found)
        starting = sum(one.state == "Starting" for one in found)
        say(f"{len(found)} slots in {replies.seconds:.2f} s; {running} running, {starting} starting")
    _end(ctx, replies)


@click.command(epilog=examples("vac machinetype lhcb", "vac machinetype lhcb --json"))
@click.argument("name")
@_asking_options
@pass_invocation
@click.pass_context
def machinetype(
    ctx: click.Context, invocation: Invocation, name: str, space: str | None, timeout: float | None, as_json: bool
) -> None:
    """Show one machinetype in the space.

    It lists the slots whose latest machine is of it, and sums up what runs. Exits with 1 if a factory did not answer,
    or if neither they nor the site files know of such a machinetype.
    """
    replies = _asked(invocation, "machines", space=space, timeout=timeout)
    everything = machines_of(replies)
    found = [one for one in everything if one.machinetype == name]
    known = {one.machinetype for one in everything if one.machinetype} | _names(invocation.site)
    if not as_json and name not in known:
        raise Trouble(f"nobody knows a machinetype '{clean(name)}': there are: {', '.join(sorted(known)) or 'none'}")
    if as_json:
        show_json(replies_json(replies, {one.machine for one in found}))
    else:
        rows = space_rows.machinetype_rows(found, _fizzle_seconds(invocation), time.time())
        show_table(space_rows.MACHINETYPE, rows, right=("CPU", "HOURS", "RECENT"))
        say(space_rows.machinetype_line(found, name))
    _end(ctx, replies)


@click.command(epilog=examples("vac factories", "vac factories wn01 wn02", "vac factories --json"))
@click.argument("factories", nargs=-1)
@_asking_options
@pass_invocation
@click.pass_context
def factories(
    ctx: click.Context,
    invocation: Invocation,
    factories: Sequence[str],
    space: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Show the space's factories.

    Each with running and all processors and slots, load, free disks, memory and version.
    FACTORIES limits it to some; '.' is this one. Exits with 1 if one did not answer.
    """
    replies = _asked(invocation, "factory", factories, space=space, timeout=timeout)
    if as_json:
        show_json(replies_json(replies))
    else:
        rows = space_rows.factory_rows(factories_of(replies), time.time())
        show_table(space_rows.FACTORIES, rows, right=space_rows.FACTORIES[1:8])
    _end(ctx, replies)


def _asked(
    invocation: Invocation, kind: str, names: Sequence[str] = (), *, space: str | None, timeout: float | None
) -> Replies:
    with at_work("asking the factories of the space"):
        return ask(invocation, kind, names, space=space, timeout=timeout)


def machines_of(replies: Replies) -> list[MachineStatus]:
    """The slots that were told of, by name."""
    found = [one for statuses in replies.statuses.values() for one in statuses if isinstance(one, MachineStatus)]
    return sorted(found, key=lambda one: (one.factory, one.machine))


def factories_of(replies: Replies) -> list[FactoryStatus]:
    """The factories that told of themselves, by name."""
    found = [one for statuses in replies.statuses.values() for one in statuses if isinstance(one, FactoryStatus)]
    return sorted(found, key=lambda one: one.factory)


def replies_json(replies: Replies, machines: set[str] | None = None) -> dict[str, Any]:
    """What came, by factory; of machines' statuses only those in ``machines`` where that is given."""
    sent: Mapping[str, list[dict[str, Any]]] = {
        factory: [
            attrs.asdict(one)
            for one in statuses
            if machines is None or (isinstance(one, MachineStatus) and one.machine in machines)
        ]
        for factory, statuses in sorted(replies.statuses.items())
    }
    return {"factories": sent, "silent": list(replies.silent), "partial": list(replies.partial)}


def _names(site: Site) -> set[str]:
    return {*site.machinetypes, *site.disabled}


def _fizzle_seconds(invocation: Invocation) -> dict[str, int]:
    return {name: one.fizzle_seconds for name, one in invocation.site.machinetypes.items()}


def _end(ctx: click.Context, replies: Replies) -> None:
    for line in silent_note(replies):
        click.echo(f"vac: {clean(line)}", err=True)
    ctx.exit(int(bool(replies.silent or replies.partial)))
