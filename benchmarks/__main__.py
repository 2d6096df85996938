"""``python -m benchmarks``: run every benchmark module's ``run()`` and print one table of what they measured."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.table import Row

_PREFIX = "bench_"
_PAPER_COLUMNS = 120


def names() -> list[str]:
    """The benchmarks there are: modules of this package whose names begin with ``bench_``."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name.removeprefix(_PREFIX) for name in found if name.startswith(_PREFIX))


def rows(name: str) -> Iterator[Row]:
    """Run one benchmark; one whose plugin is not installed is left out, and told of."""
    try:
        module = importlib.import_module(f"benchmarks.{_PREFIX}{name}")
    except ModuleNotFoundError as error:
        print(f"{name}: not measured: {error}", file=sys.stderr)
        return
    yield from module.run()


def table(measured: list[Row]) -> Table:
    """What was measured, as it is printed."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    drawn.add_column("WHAT")
    for heading in ("N", "MEDIAN"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("UNIT")
    drawn.add_column("TARGET")
    for row in measured:
        drawn.add_row(row.what, str(row.n), figure(row.median), row.unit, row.target)
    return drawn


def figure(value: float) -> str:
    """A number with three digits that count, or whole where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("only", nargs=-1, type=click.Choice(names()))
@click.option("--json", "to", type=click.Path(dir_okay=False, path_type=Path), help="Also write all samples here.")
def main(only: tuple[str, ...], to: Path | None) -> None:
    """Run all benchmarks, or ONLY those that are named.

    \b
    Examples:
      python -m benchmarks
      python -m benchmarks decide --json decide.json
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PAPER_COLUMNS)
    measured: list[Row] = []
    for name in only or names():
        with console.status(f"measuring: {name}"):
            measured += rows(name)
    console.print(table(measured))
    if to is not None:
        document = [{"what": row.what, "unit": row.unit, "samples": list(row.samples)} for row in measured]
        to.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
