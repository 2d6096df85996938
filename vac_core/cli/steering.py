"""``vac drain``, ``undrain`` and ``stop``: what changes a running factory."""

from __future__ import annotations

import time

import click

from vac_core.cli.display import say, show_json
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.times import moment_option, shown_moment

_json_option = click.option("--json", "-J", "as_json", is_flag=True, help="Print the factory's answer as JSON.")


@click.command(
    epilog=examples("vac drain", "vac drain --until 18:30 --reason 'new disk'", "vac drain --until '2026-01-31 08:00'")
)
@click.option(
    "--until",
    metavar="TIME",
    callback=moment_option(),
    help="End all machines by then: 18:30, a date, 2h30m, Unix seconds.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why, for the log and for others who look.")
@_json_option
@pass_invocation
def drain(invocation: Invocation, until: float | None, reason: str, as_json: bool) -> None:
    """Start no more machines.

    It is so until 'vac undrain'. Those that run live out their time, or with --until are told through their features
    to be done by then, and are ended.
    """
    if until is not None and until <= time.time():
        raise click.BadParameter(f"{shown_moment(until)} is past", param_hint="--until")
    answer = invocation.control.post("/drain", {"until": until, "reason": reason})
    if as_json:
        show_json(answer)
    else:
        ends = "those that run live out their time" if until is None else f"all end by {shown_moment(until)}"
        say(f"draining: no more machines are started, and {ends}")


@click.command(epilog=examples("vac undrain"))
@_json_option
@pass_invocation
def undrain(invocation: Invocation, as_json: bool) -> None:
    """Start machines again after 'vac drain'."""
    answer = invocation.control.post("/undrain")
    if as_json:
        show_json(answer)
    else:
        say(f"still draining: {answer['reason']}" if answer["draining"] else "no longer draining")


@click.command(epilog=examples("vac stop vac01-03.example.org", "vac stop vac01-03.example.org --reason 'runs away'"))
@click.argument("machine")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the log and the journal.")
@_json_option
@pass_invocation
def stop(invocation: Invocation, machine: str, reason: str, as_json: bool) -> None:
    """Stop one machine of this factory.

    MACHINE is its id or its slot's host name. It is asked to end first, and destroyed after its machinetype's
    grace_seconds.
    """
    answer = invocation.control.post("/stop", {"machine": machine, "reason": reason})
    if as_json:
        show_json(answer)
    else:
        say(f"{machine} is being stopped")
