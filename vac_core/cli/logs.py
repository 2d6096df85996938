"""``vac logs``: what a machine prints."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import click

from vac_core.cli.display import show_json
from vac_core.cli.invocation import Invocation, examples, pass_invocation

FOLLOW_SECONDS: Final = 1.0
_OVERLAP: Final = 256
"""Characters by which what was shown before is found again in a log that has lost its beginning meanwhile."""
_KIB: Final = 1024


@click.command(
    epilog=examples("vac logs vac01-03.example.org", "vac logs vac01-03.example.org --follow", "vac logs ID --kib 1024")
)
@click.argument("machine")
@click.option("--follow", "-f", is_flag=True, help="Go on showing what it prints, until it ends or Ctrl-C.")
@click.option("--kib", type=click.IntRange(1, 1024), default=64, show_default=True, help="Show so much of its end.")
@click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")
@pass_invocation
def logs(invocation: Invocation, machine: str, follow: bool, kib: int, as_json: bool) -> None:
    """Show what a machine prints.

    MACHINE is its id or its slot's host name. Of a machine that has ended, what was kept is shown for as long as its
    machinetype's machines_dir_days. A guest wrote all of it: what would steer a terminal is left out.
    """
    if follow and as_json:
        raise click.UsageError("--follow and --json do not go together")
    document = _read(invocation, machine, kib)
    if as_json:
        show_json(document)
        return
    _show(document["log"])
    with contextlib.suppress(KeyboardInterrupt):
        while follow and document["alive"]:
            time.sleep(FOLLOW_SECONDS)
            before, document = document, _read(invocation, document["machine"], kib)
            _show(news(before["log"], document["log"]))


def _read(invocation: Invocation, machine: str, kib: int) -> Mapping[str, Any]:
    asked: Mapping[str, Any] = invocation.control.get(f"/log?{urlencode({'machine': machine, 'octets': kib * _KIB})}")
    return asked


def news(before: str, now: str) -> str:
    """What is new in a log since it was last read; all of it where nothing of what was there is found again."""
    if now.startswith(before):
        return now[len(before) :]
    known = before[-_OVERLAP:]
    place = now.rfind(known)
    return now if place < 0 else now[place + len(known) :]


def harmless(text: str) -> str:
    """A guest's text without what would steer a terminal: only printable characters, tabs and line feeds stay."""
    return "".join(one for one in text if one.isprintable() or one in "\n\t")


def _show(text: str) -> None:
    if text:
        click.echo(harmless(text), nl=False)
