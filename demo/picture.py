"""The picture of a run: who had how much of the space, second by second, against the target shares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from demo.figures import Figures
from demo.lives import processor_seconds
from demo.run import Look, Run
from demo.story import FACTORIES, KILLED, ORGANISATIONS

_STEP_SECONDS: Final = 0.25
_UNDATED: Final = {".svg": {"Date": None}}


def draw(run: Run, figures: Figures, path: Path) -> None:
    """Write the picture; the name's ending says whether as SVG or PNG. Needs matplotlib."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _shares(above, figures, run.story.slots * len(FACTORIES))
    _backlogs(below, run.looks)
    _marks(above, below, run)
    above.set_title(
        f"Three factories share {run.story.slots * len(FACTORIES)} processors between three VOs",
        loc="left",
        fontsize=12,
    )
    figure.savefig(path, dpi=120, metadata=_UNDATED.get(path.suffix))


def busy(figures: Figures) -> tuple[list[float], dict[str, list[float]]]:
    """Times in the run, and each VO's mean busy processors in the quarter of a second around each."""
    steps = int(figures.seconds / _STEP_SECONDS)
    times = [(step + 0.5) * _STEP_SECONDS for step in range(steps)]
    rows: dict[str, list[float]] = {organisation.name: [] for organisation in ORGANISATIONS}
    until = figures.begun + figures.seconds
    for step in range(steps):
        begin = figures.begun + step * _STEP_SECONDS
        spent = processor_seconds(figures.lives, [(begin, begin + _STEP_SECONDS)], until)
        for name, row in rows.items():
            row.append(spent.get(name, 0.0) / _STEP_SECONDS)
    return times, rows


def _shares(axes: Any, figures: Figures, whole: int) -> None:
    times, rows = busy(figures)
    colours = [organisation.colour for organisation in ORGANISATIONS]
    labels = [f"{name} (target {target:.0%})" for name, target in figures.targets.items()]
    percents = [[100.0 * value / whole for value in row] for row in rows.values()]
    axes.stackplot(times, *percents, labels=labels, colors=colours, alpha=0.75, linewidth=0)
    for edge in list(accumulate(figures.targets.values()))[:-1]:
        axes.axhline(100.0 * edge, color="black", linestyle="--", linewidth=1)
    axes.set(ylim=(0, 100), xlim=(0, figures.seconds), ylabel="busy processors, % of the space")
    axes.legend(loc="lower left", ncols=3, fontsize=9)


def _backlogs(axes: Any, looks: Sequence[Look]) -> None:
    for organisation in ORGANISATIONS:
        times = [look.at for look in looks]
        axes.plot(times, [look.backlogs[organisation.name] for look in looks], color=organisation.colour)
    axes.set(ylim=(0, None), xlabel="seconds", ylabel="tasks waiting")


def _marks(above: Any, below: Any, run: Run) -> None:
    for organisation in ORGANISATIONS:
        for begin, end in run.story.dry(organisation):
            below.axvspan(begin, end, color=organisation.colour, alpha=0.2, linewidth=0)
            below.text((begin + end) / 2, 1, f"{organisation.name} is dry", ha="center", va="bottom", fontsize=9)
    for axes in (above, below):
        axes.axvline(run.story.killed_at, color="red", linewidth=1)
        axes.axvline(run.story.restarted_at, color="green", linewidth=1)
    name = KILLED.partition(".")[0]
    style = {"rotation": 90, "fontsize": 9, "va": "top", "backgroundcolor": "#ffffffb0"}
    above.text(run.story.killed_at, 98, f"{name}: SIGKILL", color="red", ha="right", **style)
    above.text(run.story.restarted_at, 98, f"{name}: started again", color="green", ha="left", **style)
