"""How a space looks at a glance: shares against targets, the slots of each factory, and why what is next is next.

A frame is a factory's answer to ``GET /status``. Frames of factories that are known only by VacQuery have fewer keys:
``factory`` and ``machines`` are always there. Nothing here asks anybody; the demo draws its three factories with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
from rich.console import Group, RenderableType
from rich.text import Text

from vac_core.cli.display import clean, table
from vac_core.cli.times import shown_span

Frame = Mapping[str, Any]

_COLOURS: Final = ("cyan", "magenta", "yellow", "green", "blue", "red")
_BAR_WIDTH: Final = 24
_MOST_IN_PROGRESS: Final = 10
_MARKS: Final = {"planned": ".", "starting": "o", "running": "#", "paused": "=", "stopping": "x"}
_ALIVE: Final = frozenset(_MARKS)


@attrs.frozen(kw_only=True)
class Share:
    """One machinetype's part of the space: what it is to have, and what it has. Parts are between 0 and 1."""

    machinetype: str
    target: float
    achieved: float
    machines: int
    hs06: float
    starting: int
    last_abort: str = ""


def shares(totals: Mapping[str, Mapping[str, Any]], now: float) -> tuple[Share, ...]:
    """Each machinetype's share from the totals of a status document, the largest target first."""
    all_targets = sum(one["target_share"] or 0.0 for one in totals.values())
    all_hs06 = sum(one["running_hs06"] for one in totals.values())
    made = [
        Share(
            machinetype=name,
            target=_part(one["target_share"] or 0.0, all_targets),
            achieved=_part(one["running_hs06"], all_hs06),
            machines=one["running_machines"],
            hs06=one["running_hs06"],
            starting=one["num_before_fizzle"],
            last_abort=_abort(one.get("last_abort"), now),
        )
        for name, one in totals.items()
    ]
    return tuple(sorted(made, key=lambda share: (-share.target, share.machinetype)))


def render(
    frames: Sequence[Frame], totals: Mapping[str, Mapping[str, Any]] | None = None, *, title: str = ""
) -> RenderableType:
    """Draw a space from its factories' frames.

    ``totals`` are those of the space; where they are not given, those of the frame whose peers were polled last.
    """
    if not frames:
        return Text("no factory answers", style="bold red")
    now = max(float(frame.get("now") or 0.0) for frame in frames)
    if totals is None:
        totals = max(frames, key=lambda one: (one.get("peers") or {}).get("polled") or 0.0).get("totals", {})
    colours = _colours([*totals, *(machine["machinetype"] for frame in frames for machine in frame["machines"])])
    parts: list[RenderableType] = [_headline(frames, title), Text("")]
    if totals:
        parts += [_share_table(shares(totals, now), colours), Text("")]
    parts += [_factory_table(frames, now, colours), Text("")]
    if told := _in_progress(frames):
        parts += [_progress_table(told, now, colours), Text("")]
    parts += _reasons(frames, now)
    return Group(*parts)


def alive(frame: Frame) -> list[Mapping[str, Any]]:
    """A frame's machines that hold a slot, by slot."""
    return sorted((one for one in frame["machines"] if one["state"] in _ALIVE), key=lambda one: one.get("slot", 0))


def _part(one: float, whole: float) -> float:
    return one / whole if whole > 0 else 0.0


def _abort(abort: Mapping[str, Any] | None, now: float) -> str:
    if not abort:
        return ""
    return f"{shown_span(now - abort['time'])} ago: {clean(abort['outcome'])} at {clean(abort['factory'])}"


def _colours(names: Iterable[str]) -> dict[str, str]:
    ordered = sorted(set(names))
    return {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(ordered)}


def _headline(frames: Sequence[Frame], title: str) -> Text:
    space = clean(next((frame["space"] for frame in frames if frame.get("space")), ""))
    machines = sum(len(alive(frame)) for frame in frames)
    capacities = [frame["capacity"] for frame in frames if "capacity" in frame]
    processors = sum(one["processors"] for one in capacities)
    busy = sum(one["busy"] for one in capacities)
    silent = sorted({name for frame in frames for name in (frame.get("peers") or {}).get("silent", ())})
    line = Text.assemble((title or space, "bold"), f"   {len(frames)} factories, {machines} machines")
    if processors:
        line.append(f", {busy} of {processors} processors busy")
    if silent:
        line.append(f"   silent: {clean(', '.join(silent))}", style="bold red")
    return line


def _share_table(rows: Iterable[Share], colours: Mapping[str, str]) -> RenderableType:
    return table(
        ("MACHINETYPE", "TARGET", "SHARE", "", "MACHINES", "HS06", "YOUNG", "LATEST ABORT"),
        [
            (
                Text(clean(share.machinetype), style=colours[share.machinetype]),
                f"{share.target:.1%}",
                f"{share.achieved:.1%}",
                bar(share.achieved, share.target, colours[share.machinetype]),
                share.machines,
                f"{share.hs06:.1f}",
                share.starting,
                share.last_abort,
            )
            for share in rows
        ],
        right=("TARGET", "SHARE", "MACHINES", "HS06", "YOUNG"),
    )


def bar(achieved: float, target: float, style: str) -> Text:
    """A bar as long as the achieved part, with a mark where the target is."""
    filled = round(max(0.0, min(1.0, achieved)) * _BAR_WIDTH)
    mark = min(_BAR_WIDTH - 1, round(max(0.0, min(1.0, target)) * _BAR_WIDTH))
    drawn = Text()
    for column in range(_BAR_WIDTH):
        if column == mark:
            drawn.append("|", style="bold")
        else:
            drawn.append("=" if column < filled else " ", style=style)
    return drawn


def _factory_table(frames: Iterable[Frame], now: float, colours: Mapping[str, str]) -> RenderableType:
    return table(
        ("FACTORY", "STATE", "LOAD", "BUSY", "SLOTS"),
        [
            (frame["factory"], _state(frame, now), _load(frame), _busy(frame), slots(frame, colours))
            for frame in sorted(frames, key=lambda one: str(one["factory"]))
        ],
        right=("LOAD", "BUSY"),
    )


def slots(frame: Frame, colours: Mapping[str, str]) -> Text:
    """A frame's processors as marks, coloured by machinetype: ``#`` runs, ``o`` starts, ``x`` stops, ``-`` is free."""
    drawn = Text()
    for machine in alive(frame):
        mark = _MARKS[machine["state"]] * max(1, int(machine.get("processors") or 1))
        drawn.append(mark, style=colours.get(machine["machinetype"], ""))
    free = frame["capacity"]["free"] if "capacity" in frame else 0
    drawn.append("-" * free, style="dim")
    return drawn


def _in_progress(frames: Iterable[Frame]) -> list[Mapping[str, Any]]:
    """Machines that say how far they are, the furthest first."""
    told = [one for frame in frames for one in alive(frame) if one.get("progress") is not None]
    return sorted(told, key=lambda one: (-one["progress"], str(one["name"])))


def _progress_table(machines: Sequence[Mapping[str, Any]], now: float, colours: Mapping[str, str]) -> RenderableType:
    left = len(machines) - _MOST_IN_PROGRESS
    drawn = table(
        ("MACHINE", "MACHINETYPE", "DONE", "", "AGE"),
        [
            (
                clean(str(one["name"])),
                Text(clean(one["machinetype"]), style=colours[one["machinetype"]]),
                f"{one['progress']:.0%}",
                bar(one["progress"], 1.0, colours[one["machinetype"]]),
                shown_span(now - one["created"]),
            )
            for one in machines[:_MOST_IN_PROGRESS]
        ],
        right=("DONE", "AGE"),
    )
    return Group(drawn, Text(f"and {left} more that say how far they are", style="dim")) if left > 0 else drawn


def _state(frame: Frame, now: float) -> Text:
    if frame.get("draining"):
        until = frame.get("drain_until")
        return Text("draining" if until is None else f"draining, {shown_span(until - now)} left", style="yellow")
    if (frame.get("config") or {}).get("stale"):
        return Text("broken site files", style="bold red")
    if any(plugin["state"] == "failed" for plugin in frame.get("plugins", ())):
        return Text("a plugin failed", style="bold red")
    return Text("up", style="green")


def _load(frame: Frame) -> str:
    averages = frame.get("load_averages")
    return f"{averages[-1]:.2f}" if averages else ""


def _busy(frame: Frame) -> str:
    capacity = frame.get("capacity")
    return f"{capacity['busy']}/{capacity['processors']}" if capacity else str(len(alive(frame)))


def _reasons(frames: Iterable[Frame], now: float) -> Iterator[RenderableType]:
    """A line for each factory that said why: what holds all back, or what is next; and one for each trouble."""
    for frame in sorted(frames, key=lambda one: str(one["factory"])):
        lines = [(f"{name}: {said}", "red") for name, said in sorted((frame.get("troubles") or {}).items())]
        if frame.get("why"):
            lines.insert(0, (reason(frame["why"], now), ""))
        for said, style in lines:
            yield Text(f"{clean(frame['factory'])}: {clean(said)}", style=style, overflow="ellipsis", no_wrap=True)


def reason(document: Mapping[str, Any], now: float) -> str:
    """The latest decision in a line."""
    for veto in document["host"]:
        return f"nothing is started: {veto['reason']}"
    ranked = sorted((one for one in document["machinetypes"] if one["place"]), key=lambda one: one["place"])
    if ranked:
        because = "; ".join(one["reason"] for one in (ranked[0]["reasons"] or ranked[0]["ranks"])[:2])
        return f"{ranked[0]['machinetype']} is first{f': {because}' if because else ''}"
    held = [
        (one["until"], name["machinetype"], one["reason"])
        for name in document["machinetypes"]
        for one in name["reasons"]
    ]
    if not held:
        return "there is no machinetype"
    until, machinetype, because = min(held, key=lambda one: (one[0] is None, one[0]))
    when = "" if until is None else f" for {shown_span(until - now)}"
    return f"none of {len(document['machinetypes'])} machinetypes may be started: {machinetype}{when}: {because}"
