"""What one sees of a run: live on a terminal, or a line every few seconds where there is none."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.story import ORGANISATIONS, SPACE, organisation_of, targets
from vac_core.cli.top import alive, render

if TYPE_CHECKING:
    from demo.run import Note, Run

_NOTES_SHOWN: Final = 5
_PLAIN_SECONDS: Final = 3.0
_WEB_FONT: Final = re.compile(r"@font-face\s*\{[^}]*\}")


class LiveView:
    """A picture of the space that is drawn anew at each look."""

    def __init__(self, console: Console) -> None:
        self.live = Live(console=console, auto_refresh=False, transient=True)

    def show(self, run: Run) -> None:
        """Draw the latest look."""
        self.live.update(drawn(run), refresh=True)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()


class PlainView:
    """Lines: what happens when it happens, and the shares now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = 0
        self._next = 0.0

    def show(self, run: Run) -> None:
        """Tell what is new."""
        for note in run.notes[self._told :]:
            self._console.print(_note(note), soft_wrap=True)
        self._told = len(run.notes)
        if run.at >= self._next and run.looks[-1].frames:
            self._next = run.at + _PLAIN_SECONDS
            self._console.print(f"{run.at:5.1f} s  {_shares_line(run.looks[-1].frames)}", soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def drawn(run: Run) -> RenderableType:
    """The latest look as a picture."""
    frames = run.looks[-1].frames if run.looks else ()
    title = f"space {SPACE}   {run.at:.0f} of {run.story.seconds:.0f} s"
    notes = [_note(note) for note in run.notes[-_NOTES_SHOWN:]]
    return Group(render(frames, title=title), Text(), _queues(run), Text(), *notes)


def screenshot(run: Run) -> str:
    """The latest look as SVG, with the reader's own fonts: the usual export would have some fetched from the web."""
    recorder = Console(record=True, width=110, file=io.StringIO(), force_terminal=True)
    recorder.print(drawn(run))
    return _WEB_FONT.sub("", recorder.export_svg(title="make demo"))


def _note(note: Note) -> Text:
    return Text.assemble((f"{note.at:5.1f} s  ", "dim"), (note.text, "bold"))


def _queues(run: Run) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("TASK QUEUE")
    for heading in ("WAITING", "AT WORK", "DONE", "GIVEN BACK"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for organisation in ORGANISATIONS:
        queue = run.queues.queues[organisation.name]
        dry = run.story.is_dry(organisation, run.at)
        table.add_row(
            organisation.name,
            str(queue.waiting),
            str(queue.out),
            str(queue.tally.done),
            str(queue.tally.returned),
            Text("dry" if dry else "", style="yellow"),
        )
    return table


def _shares_line(frames: Sequence[Mapping[str, Any]]) -> str:
    counts = dict.fromkeys(targets(), 0)
    for frame in frames:
        for machine in alive(frame):
            counts[organisation_of(machine["machinetype"])] += machine["processors"]
    whole = sum(counts.values())
    parts = (f"{name} {count} ({count / whole if whole else 0.0:.0%})" for name, count in counts.items())
    return f"{len(frames)} factories, {whole} processors busy: {', '.join(parts)}"
