"""``vac plugins``: what is installed, what it provides, and what is wrong with it."""

from __future__ import annotations

from typing import Any, Final

import click

from vac_core.cli.client import NotRunning
from vac_core.cli.display import show_json, show_table
from vac_core.cli.invocation import Invocation, Trouble, examples, pass_invocation

_HEADINGS: Final = ("NAME", "VERSION", "DISTRIBUTION", "STATE", "PROVIDES", "ERROR")


@click.command(epilog=examples("vac plugins", "vac --no-plugin docker plugins", "vac plugins --json"))
@click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")
@pass_invocation
@click.pass_context
def plugins(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """List the installed plugins; exits with 1 if one of them failed.

    Where a factory runs, what failed in it later is shown as well.
    """
    records = _with_later_failures(
        [record.as_json() for record in invocation.registry.records], _in_factory(invocation)
    )
    if as_json:
        show_json(records)
    else:
        show_table(_HEADINGS, [[record[key.lower()] for key in _HEADINGS[:4]] + _last(record) for record in records])
    ctx.exit(int(any(record["state"] == "failed" for record in records)))


def _last(record: dict[str, Any]) -> list[str]:
    return [", ".join(record["provides"]), record["error"]]


def _in_factory(invocation: Invocation) -> list[dict[str, Any]]:
    """The records of the running factory, if one runs that may be asked."""
    try:
        answer = invocation.control.get("/plugins")
    except NotRunning:
        return []
    except Trouble as trouble:
        click.echo(f"vac: without the running factory's view: {trouble.format_message()}", err=True)
        return []
    return list(answer["plugins"] if isinstance(answer, dict) else answer)


def _with_later_failures(found: list[dict[str, Any]], running: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plugins as installed, with what failed in the factory since."""
    later = {record["name"]: record for record in running if record["state"] == "failed"}
    return [
        record | {"state": "failed", "error": f"in the factory: {later[record['name']]['error']}"}
        if record["state"] == "active" and record["name"] in later
        else record
        for record in found
    ]
