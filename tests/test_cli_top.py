"""The picture of a space, drawn from frames alone."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from vac_core.cli.told import told_frames
from vac_core.cli.top import bar, reason, render, shares
from vac_core.testing.control import shown_machine, status, total, why
from vac_core.testing.makers import NOW
from vac_core.vacquery.messages import FactoryStatus, MachineStatus


def drawn(picture: RenderableType, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(picture)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_shares_are_parts_of_the_whole_space() -> None:
    abort = {"time": NOW - 90.0, "factory": "wn02", "outcome": "300 no work"}
    told = shares({"lhcb": total(1.0, 30.0, last_abort=abort), "atlas": total(3.0, 10.0)}, NOW)
    assert [(one.machinetype, one.target, one.achieved) for one in told] == [
        ("atlas", 0.75, 0.25),
        ("lhcb", 0.25, 0.75),
    ]
    assert told[1].last_abort == "1m 30s ago: 300 no work at wn02"


def test_an_empty_space_and_a_type_of_peers_alone_have_no_share() -> None:
    (told,) = shares({"theirs": total(0.0, 0.0, target_share=None)}, NOW)
    assert (told.target, told.achieved) == (0.0, 0.0)


@given(st.dictionaries(st.text("abc", min_size=1), st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=6))
def test_shares_add_up_to_one_or_nothing(types: dict[str, tuple[float, float]]) -> None:
    told = shares({name: total(*both) for name, both in types.items()}, NOW)
    for parts in ([one.target for one in told], [one.achieved for one in told]):
        assert sum(parts) == pytest.approx(1.0) or not any(parts)


@given(st.floats(-1, 2), st.floats(-1, 2))
def test_a_bar_has_one_length_and_one_mark(achieved: float, target: float) -> None:
    plain = bar(achieved, target, "cyan").plain
    assert len(plain) == len(bar(0.5, 0.5, "cyan").plain)
    assert plain.count("|") == 1


def test_three_factories_are_drawn_with_one_line_each() -> None:
    frames = [status(factory=f"wn0{n}.example.org") for n in (1, 2, 3)]
    frames[1]["draining"] = True
    frames[2]["config"] = {"stale": True}
    frames[2]["troubles"] = {"docker": "no daemon at its socket"}
    lines = drawn(render(frames, title="a demo")).splitlines()
    assert lines[0] == "a demo   3 factories, 6 machines, 9 of 24 processors busy"
    rows = {line.split()[0]: line for line in lines if line.startswith("wn0") and ":" not in line.split()[0]}
    assert "up" in rows["wn01.example.org"]
    assert "draining" in rows["wn02.example.org"]
    assert "broken site files" in rows["wn03.example.org"]
    assert all("#oo-----" in row for row in rows.values())
    assert "wn03.example.org: docker: no daemon at its socket" in lines


def test_machines_that_say_how_far_they_are_are_shown_the_furthest_first() -> None:
    machines = [shown_machine(n, "theory", progress=None if n == 0 else n / 16) for n in range(13)]
    lines = drawn(render([status(machines=machines)])).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("MACHINE "))
    assert [line.split()[:3] for line in lines[start + 1 : start + 11]] == [
        [f"wn01-{n:02}.example.org", "theory", f"{n / 16:.0%}"] for n in range(12, 2, -1)
    ]
    assert lines[start + 11] == "and 2 more that say how far they are"


def test_where_no_machine_says_how_far_it_is_there_is_no_such_table() -> None:
    assert "DONE" not in drawn(render([status()]))


def test_a_failed_plugin_and_silent_peers_are_seen_at_once() -> None:
    failed = status(
        plugins=[{"name": "docker", "state": "failed"}], peers={"silent": ["wn09.example.org"], "polled": 1}
    )
    picture = drawn(render([failed]))
    assert "a plugin failed" in picture
    assert "silent: wn09.example.org" in picture


def test_totals_are_of_the_factory_that_polled_last() -> None:
    old = status(totals={"old": total(1.0, 1.0)}, peers={"polled": NOW - 100.0, "silent": []})
    new = status(totals={"new": total(1.0, 1.0)}, peers={"polled": NOW, "silent": []})
    picture = drawn(render([new, old]))
    assert "new" in picture
    assert "old" not in picture


def test_no_frame_is_drawn_as_such() -> None:
    assert drawn(render([])).strip() == "no factory answers"


def test_a_frame_of_vacquery_has_slots_and_busy_processors() -> None:
    common: dict[str, Any] = {"cookie": "0", "space": "vac01.example.org", "factory": "wn02.example.org"}
    factory = FactoryStatus(**common, max_processors=6, load_average=2.5, time_sent=int(NOW))
    machines = [
        MachineStatus(**common, num_machines=3, machine=f"wn02-0{n}", state=state, machinetype="lhcb", num_processors=2)
        for n, state in enumerate(("Running", "Starting", "Shut down"))
    ]
    (frame,) = told_frames([factory], machines)
    assert frame["capacity"] == {"processors": 6, "busy": 4, "free": 2}
    line = next(line for line in drawn(render([status(), frame])).splitlines() if line.startswith("wn02"))
    assert line.split() == ["wn02.example.org", "up", "2.50", "4/6", "##oo--"]


def held(until: float | None, because: str) -> dict[str, Any]:
    return {
        "machinetype": because.split(maxsplit=1)[0],
        "place": None,
        "state": "vetoed",
        "reasons": [{"policy": "backoff", "reason": because, "until": until}],
        "ranks": [],
    }


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (why(), "lhcb is first: runs 10 HS06 for a share of 3"),
        (why(host=[{"reason": "draining", "policy": "x", "until": None}]), "nothing is started: draining"),
        (why(machinetypes=[]), "there is no machinetype"),
        (
            why(machinetypes=[held(None, "a is broken"), held(NOW + 60, "b backs off")]),
            "none of 2 machinetypes may be started: b for 1m 00s: b backs off",
        ),
        (why(machinetypes=[held(None, "a is broken")]), "none of 1 machinetypes may be started: a: a is broken"),
    ],
)
def test_the_latest_decision_is_told_in_a_line(document: dict[str, Any], said: str) -> None:
    assert reason(document, NOW) == said


def test_hostile_words_are_drawn_as_words() -> None:
    nasty = "\x1b]0;owned\x07[red]"
    frame = status(space=nasty, machines=[shown_machine(0, nasty)], totals={nasty: total(1.0, 1.0)})
    picture = drawn(render([frame]))
    assert "\x1b" not in picture
    assert "[red]" in picture
