"""How results look: plain tables on a terminal or in a pipe, and JSON. What guests and peers wrote is made harmless.

Rich is imported when something is drawn with it: most commands, and the daemon beside them, do without.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPE_WIDTH: Final = 500
"""Columns where there is no terminal: a line of a table stays one line for grep and awk."""


def console() -> Console:
    """Where results go. Colours only on a terminal, and none with NO_COLOR."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


@contextmanager
def at_work(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is waited for, until it is there; elsewhere nothing is shown.

    What is yielded shows something else instead. It is the error stream's terminal, so that results stay clean.
    """
    from rich.console import Console
    from rich.text import Text

    screen = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not screen.is_terminal:
        yield lambda _: None
        return
    with screen.status(Text(clean(what))) as status:
        yield lambda instead: status.update(Text(clean(instead)))


def clean(value: object) -> str:
    """One line of text with nothing in it that a terminal would obey; a dash for nothing."""
    if value is None or value == "":
        return "-"
    return "".join(character if character.isprintable() else " " for character in str(value))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """A table without lines; the columns in ``right`` are flush right. `Text` in a row keeps its style."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        made.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(one if isinstance(one, Text) else Text(clean(one)) for one in row))
    return made


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table."""
    console().print(table(headings, rows, right=right))


def say(line: str) -> None:
    """Print one line."""
    click.echo(clean(line) if line else "")


def show_json(value: Any) -> None:
    """Print a JSON document."""
    click.echo(json.dumps(value, indent=2, sort_keys=False, default=str))
