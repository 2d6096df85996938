"""``vac plugins``: what is installed, what it provides, and what is wrong with it."""

from __future__ import annotations

from typing import Any, Final

import click

from vac_core.cli.client import NotRunning
from vac_core.cli.display import clean, show_json, show_table
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.trouble import Trouble

_HEADINGS: Final = ("NAME", "VERSION", "DISTRIBUTION", "STATE", "PROVIDES", "ERROR")


@click.command(epilog=examples("vac plugins", "vac --no-plugin docker plugins", "vac plugins --json"))
@click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")
@pass_invocation
@click.pass_context
def plugins(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """List the installed plugins.

    Exits with 1 if one of them failed. Where a factory runs, what failed in it later is shown as well.
    """
    records = _with_later_failures(
        [record.as_json() for record in invocation.registry.records], _in_factory(invocation)
    )
    if as_json:
        show_json(records)
    else:
        show_table(_HEADINGS, [[record[key.lower()] for key in _HEADINGS[:4]] + _last(record) for record in records])
    for name in invocation.blocked_in_vain:
        click.echo(f"vac: no plugin {clean(name)} is installed, so none is blocked by that name", err=True)
    ctx.exit(int(any(record["state"] == "failed" for record in records)))


def _last(record: dict[str, Any]) -> list[str]:
    return [", ".join(record["provides"]), record["error"]]


def _in_factory(invocation: Invocation) -> dict[str, str]:
    """What goes wrong in the running factory, by objects' kinds and names, if one runs that may be asked."""
    try:
        status = invocation.control.get("/status")
    except NotRunning:
        return {}
    except Trouble as trouble:
        click.echo(f"vac: without the running factory's view: {trouble.format_message()}", err=True)
        return {}
    failures = {f"policy {name}": said for name, said in status["why"]["failures"].items()}
    return failures | dict(status.get("troubles") or {})


def _with_later_failures(found: list[dict[str, Any]], troubles: dict[str, str]) -> list[dict[str, Any]]:
    """The plugins as installed, with what goes wrong in the factory since."""
    told = []
    for record in found:
        later = [f"in the factory, {one}: {troubles[one]}" for one in record["provides"] if one in troubles]
        errors = [record["error"], *later] if record["error"] else later
        told.append(record | {"state": "failed", "error": "; ".join(errors)} if later else record)
    return told
