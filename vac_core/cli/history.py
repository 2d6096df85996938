"""``vac history``: the journal, read beside the factory or without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from vac_core.cli.display import show_json, show_table
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.times import moment_option, shown_moment
from vac_core.cli.trouble import Trouble

_MOST: Final = 10**9
"""Far more than any journal holds, and few enough for SQLite."""
_HEADINGS: Final = ("TIME", "WHAT", "MACHINE", "MACHINETYPE", "OUTCOME", "REASON")


@click.command(
    epilog=examples(
        "vac history",
        "vac history --machinetype lhcb --since 2h",
        "vac history --machine vac01-03.example.org --limit 1000 --json",
    )
)
@click.option("--machine", metavar="ID", help="Only of this machine: its id, or its slot's host name.")
@click.option("--machinetype", metavar="NAME", help="Only of machines of this machinetype.")
@click.option(
    "--since",
    metavar="TIME",
    callback=moment_option(past=True),
    help="Only from then on: 18:30, a date, 2h30m ago, Unix seconds.",
)
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=100, show_default=True, help="At most so many, the latest."
)
@click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")
@pass_invocation
def history(
    invocation: Invocation,
    machine: str | None,
    machinetype: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what happened here.

    That is: machines made and ended, how they ended, and what the factory did and why.
    """
    from vac_core.factory.history import read
    from vac_core.factory.journal import JournalError

    try:
        events = read(invocation.state.journal, machine=machine, machinetype=machinetype, since=since, limit=limit)
    except JournalError as error:
        raise Trouble(str(error)) from None
    except PermissionError as error:
        raise Trouble(
            f"{error.filename}: permission denied: run this as the factory's user, such as with sudo"
        ) from None
    if as_json:
        show_json(events)
    else:
        show_table(_HEADINGS, _rows(events))


def _rows(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    for event in events:
        machine = event["machine"] or {}
        yield (
            shown_moment(event["time"]),
            event["what"],
            machine.get("name"),
            machine.get("machinetype"),
            machine.get("outcome"),
            event["reason"] if event["reason"] != machine.get("outcome") else "",
        )
