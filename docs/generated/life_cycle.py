"""The page and the picture of a machine's life, drawn from the table that the factory itself lives by.

The picture is an arc diagram: states stand in a row, and each change is an arc from one to the other, the higher the
further they are apart. So any table can be drawn with no hand-made layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

from vac_core.model import ALIVE, TRANSITIONS, Happening, MachineState

PICTURE: Final = "life-cycle.svg"

_STEP, _BOX, _HEIGHT, _MARGIN = 150, 104, 34, 70
_RISE: Final = 46
"""How much higher an arc is for each state that it passes."""
_BEGINNING: Final = f"""\
# The life of a machine

Each change is a row of one table in `vac_core/model.py`, from which this page is made. A pair of a state and a
happening that is not in it cannot happen. Each is written to the journal before it is acted on.

![States of a machine, and what leads from one to the next]({PICTURE})

In the dark states a machine holds its slot and its processors.

| state | what happens | next state |
|---|---|---|
"""

Arcs = Mapping[tuple[MachineState, MachineState], list[Happening]]


def page() -> str:
    """The table in Markdown."""
    rows = [f"| {state} | {happening} | {after} |" for (state, happening), after in TRANSITIONS.items()]
    return _BEGINNING + "\n".join([*rows, ""])


def picture() -> bytes:
    """The picture as SVG."""
    order = _order()
    arcs = _arcs()
    above = max(_span(order, *pair) for pair in arcs) * _RISE
    width, height = len(order) * _STEP, above + 2 * _MARGIN + _HEIGHT
    svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}")
    ET.SubElement(svg, "title").text = "The life of a machine"
    _arrow_head(svg)
    level = above + _MARGIN - 20
    for (state, after), happenings in arcs.items():
        _draw_arc(svg, order.index(state), order.index(after), level, [str(one) for one in happenings])
    for place, state in enumerate(order):
        _draw_state(svg, place, level, state)
    return ET.tostring(svg, encoding="unicode").encode()


def _order() -> list[MachineState]:
    """States in the order in which the table names them."""
    named = [one for (state, _), after in TRANSITIONS.items() for one in (state, after)]
    return [state for state in MachineState if state in named]


def _arcs() -> Arcs:
    arcs: dict[tuple[MachineState, MachineState], list[Happening]] = {}
    for (state, happening), after in TRANSITIONS.items():
        arcs.setdefault((state, after), []).append(happening)
    return arcs


def _span(order: list[MachineState], state: MachineState, after: MachineState) -> int:
    return abs(order.index(after) - order.index(state))


def _arrow_head(svg: ET.Element) -> None:
    marker = ET.SubElement(ET.SubElement(svg, "defs"), "marker", id="arrow", viewBox="0 0 8 8", refX="7", refY="4")
    marker.attrib |= {"markerWidth": "8", "markerHeight": "8", "orient": "auto"}
    ET.SubElement(marker, "path", d="M0,0 L8,4 L0,8 z", fill="#444")


def _draw_arc(svg: ET.Element, begin: int, end: int, level: int, words: list[str]) -> None:
    """One arc: over the row where it leads onwards, under it where it leads back."""
    onwards = end > begin
    shift = _BOX * 0.28 if onwards else -_BOX * 0.28
    start, stop = _middle(begin) + shift, _middle(end) - shift
    edge = level if onwards else level + _HEIGHT
    rise = abs(end - begin) * _RISE * (-1 if onwards else 1)
    path = f"M{start},{edge} C{start},{edge + rise * 1.33} {stop},{edge + rise * 1.33} {stop},{edge}"
    ET.SubElement(svg, "path", {"d": path, "fill": "none", "stroke": "#444", "marker-end": "url(#arrow)"})
    label = ET.SubElement(svg, "text", x=f"{(start + stop) / 2}", y=f"{edge + rise + (-5 if onwards else 15)}")
    label.attrib |= {"text-anchor": "middle", "font-family": "sans-serif", "font-size": "12", "fill": "#444"}
    label.attrib |= {"stroke": "white", "stroke-width": "4", "paint-order": "stroke"}
    label.text = ", ".join(words)


def _draw_state(svg: ET.Element, place: int, level: int, state: MachineState) -> None:
    alive = state in ALIVE
    box = ET.SubElement(svg, "rect", x=f"{_middle(place) - _BOX / 2}", y=f"{level}", rx="6")
    box.attrib |= {"width": f"{_BOX}", "height": f"{_HEIGHT}", "fill": "#24527a" if alive else "#d8e2ec"}
    name = ET.SubElement(svg, "text", x=f"{_middle(place)}", y=f"{level + _HEIGHT / 2 + 5}")
    name.attrib |= {"text-anchor": "middle", "font-family": "sans-serif", "font-size": "14"}
    name.set("fill", "white" if alive else "#222")
    name.text = str(state)


def _middle(place: int) -> float:
    return (place + 0.5) * _STEP
