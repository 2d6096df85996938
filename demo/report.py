"""The tables at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from demo.figures import Figures, summary

_CODES = {
    "100": "stopped by the host",
    "200": "work done",
    "300": "no work found",
    "600": "queue not reached",
    "alive": "still there",
}


def print_report(console: Console, figures: Figures) -> None:
    """Print what a run came to."""
    console.print(_shares(figures))
    console.print()
    facts = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for what, figure in _facts(figures):
        facts.add_row(what, figure)
    console.print(facts)
    for problem in figures.problems:
        console.print(f"PROBLEM: {problem}", style="bold red")


def _shares(figures: Figures) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    table.add_column("VO")
    for heading in ("TARGET", "SHARE WHILE ALL HAD WORK", "SHARE OF ALL", "MACHINES", "TASKS DONE", "LEASES"):
        table.add_column(heading, justify="right")
    for name, target in figures.targets.items():
        table.add_row(
            name,
            f"{target:.1%}",
            f"{figures.achieved_supplied.get(name, 0.0):.1%}",
            f"{figures.achieved.get(name, 0.0):.1%}",
            str(sum(life.organisation == name for life in figures.lives)),
            str(figures.tasks[name]["done"]),
            str(figures.tasks[name]["leases"]),
        )
    return table


def _facts(figures: Figures) -> Iterator[tuple[str, str]]:
    outcomes = ", ".join(f"{count} {_CODES.get(code, code or 'no message')}" for code, count in _most(figures))
    yield "machines made", f"{len(figures.lives)}: {outcomes}"
    tally = [figures.tasks[name] for name in figures.targets]
    done, returned, expired = (sum(one[what] for one in tally) for what in ("done", "returned", "expired"))
    yield "tasks done", f"{done}, each once; {returned} leases were given back, {expired} ran out"
    turned = summary(figures.turnarounds)
    if turned["n"]:
        text = f"median {turned['median'] * 1000:.0f} ms, 90% within {turned['p90'] * 1000:.0f} ms (n = {turned['n']})"
        yield "freed slot to next machine", text
    killed = figures.adoption
    after = f"{killed['adopted']} were adopted and {killed['ended_meanwhile']} had ended meanwhile"
    yield "daemon killed with SIGKILL", f"of {killed['machines_before']} machines {after}"
    yield "records in the journals", ", ".join(f"{name} {count}" for name, count in figures.records.items())


def _most(figures: Figures) -> Iterable[tuple[str, int]]:
    return sorted(figures.outcomes.items(), key=lambda item: -item[1])
