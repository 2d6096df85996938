"""``vac why``: the factory's latest decision, with the reason of each place in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from vac_core.cli.display import say, show_json, show_table
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.times import shown_moment, shown_span
from vac_core.cli.trouble import Trouble

Document = Mapping[str, Any]
_HEADINGS: Final = ("PLACE", "MACHINETYPE", "STATE", "WHY")
_STATES: Final = {
    "next": "is next to be started",
    "waits": "waits",
    "vetoed": "may not be started now",
    "disabled": "is disabled",
}


@click.command(epilog=examples("vac why", "vac why lhcb", "vac why --json"))
@click.argument("machinetype", required=False)
@click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")
@pass_invocation
def why(invocation: Invocation, machinetype: str | None, as_json: bool) -> None:
    """Say why what is next is next.

    And why the other machinetypes wait, and until when.
    """
    document = invocation.control.get("/why")
    standing = None if machinetype is None else _standing(document, machinetype)
    if as_json:
        show_json(document if standing is None else standing)
        return
    for line in host_lines(document):
        say(line)
    if standing is not None:
        for line in chain(document, standing):
            say(line)
    else:
        show_table(_HEADINGS, rows(document), right=["PLACE"])


def _standing(document: Document, machinetype: str) -> Document:
    for standing in document["machinetypes"]:
        if standing["machinetype"] == machinetype:
            return dict(standing)
    known = ", ".join(sorted(standing["machinetype"] for standing in document["machinetypes"])) or "none"
    raise Trouble(f"this factory has no machinetype '{machinetype}': there are: {known}")


def host_lines(document: Document) -> Iterator[str]:
    """What holds back every machinetype on this host, and policies that failed."""
    for veto in document["host"]:
        yield f"nothing is started: {_reason(veto, document['now'])}"
    for policy, message in sorted(document["failures"].items()):
        yield f"policy {policy} failed and was left out: {message}"


def rows(document: Document) -> Iterator[tuple[object, ...]]:
    """Each machinetype in its place: first those that may be started, then those that may not."""
    last = len(document["machinetypes"]) + 1
    ordered = sorted(document["machinetypes"], key=lambda one: (one["place"] or last, one["machinetype"]))
    for standing in ordered:
        reasons = [_reason(one, document["now"]) for one in standing["reasons"]] or [
            _rank(one) for one in standing["ranks"]
        ]
        yield standing["place"], standing["machinetype"], standing["state"], "; ".join(reasons)


def chain(document: Document, standing: Document) -> Iterator[str]:
    """All that was weighed for one machinetype, a line each."""
    name = standing["machinetype"]
    place = f", in place {standing['place']}" if standing["place"] else ""
    yield f"{name} {_STATES.get(standing['state'], standing['state'])}{place}"
    for reason in standing["reasons"]:
        yield f"  {_reason(reason, document['now'])}"
    for rank in standing["ranks"]:
        yield f"  {_rank(rank)}"
    for start in document["starts"]:
        if start["machinetype"] == name:
            ends = shown_moment(start["shutdown_time"])
            yield f"  started now: {start['processors']} processors until {ends}: {start['reason']}"


def _reason(veto: Mapping[str, Any], now: float) -> str:
    until = veto.get("until")
    when = "" if until is None else f" (until {shown_moment(until)}, in {shown_span(until - now)})"
    policy = f" [{veto['policy']}]" if veto.get("policy") else ""
    return f"{veto['reason']}{when}{policy}"


def _rank(rank: Mapping[str, Any]) -> str:
    return f"{rank['policy']} ranks it {rank['value']:.3g}: {rank['reason']}"
