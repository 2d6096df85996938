"""Against exchanges recorded from Vac 3: its queries are answered, its answers understood, ours have all its keys."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from vac_core.interfaces import SpaceView
from vac_core.model import FactoryReport, Machine, MachineState, Outcome, TypeReport
from vac_core.testing import machine
from vac_core.vacquery.answers import answer
from vac_core.vacquery.messages import (
    FactoryStatus,
    MachineStatus,
    MachinetypeStatus,
    Query,
    QueryKind,
    Status,
    decode,
    encode,
)
from vac_core.vacquery.reports import factory_report

VECTORS = Path(__file__).parent / "vectors"
EXCHANGES = sorted(VECTORS.glob("*_query.json"))
STATES = sorted({path.name.split(".")[0] for path in EXCHANGES})
NUMBER = "number"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def statuses(state: str, kind: str) -> list[Any]:
    return [decode(raw.encode()) for raw in load(f"{state}.{kind}_query.json")["responses_raw"]]


def kind_of(value: object) -> str:
    return NUMBER if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def machines_of(state: str) -> Iterator[Machine]:
    """The machines of the factory that was recorded, from what it said of them."""
    states = {"Starting": MachineState.STARTING, "Running": MachineState.RUNNING, "Shut down": MachineState.ENDED}
    for slot, status in enumerate(statuses(state, "machines")):
        if status.uuid is not None:
            yield machine(
                slot,
                id=status.uuid,
                name=status.machine,
                machinetype=status.machinetype,
                machine_model=status.machine_model,
                processors=status.num_processors,
                hs06_per_processor=status.hs06 / status.num_processors,
                state=states[status.state],
                created=float(status.created_time),
                started=status.started_time,
                heartbeat=status.heartbeat_time,
                cpu_seconds=float(status.cpu_seconds),
                outcome=Outcome.from_shutdown_message(status.shutdown_message),
                ended=status.shutdown_time,
                fqan=status.fqan,
            )


def view_of(state: str) -> SpaceView:
    """A snapshot of our own that says what the recorded factory said."""
    (told,) = statuses(state, "factory")
    report = factory_report(told.factory, statuses(state, "machinetypes"), told.time_sent)
    figures = attrs.asdict(told, filter=lambda field, _: not field.name.endswith("_heartbeat_time"))
    return SpaceView(own=report, machines=tuple(machines_of(state)), site=told.site, status=figures)


def exchange(path: Path) -> tuple[Any, list[Any], list[Any]]:
    """One recorded exchange, its answers, and what we answer in the same state."""
    recorded = json.loads(path.read_text("utf-8"))
    query = decode(recorded["request_raw"].encode())
    assert isinstance(query, Query)
    theirs = [json.loads(raw) for raw in recorded["responses_raw"]]
    view = view_of(path.name.split(".")[0])
    ours = [json.loads(raw) for raw in answer(query, view, theirs[0]["time_sent"], space=query.space)]
    return recorded, theirs, ours


@pytest.mark.parametrize("path", EXCHANGES, ids=lambda path: path.stem)
def test_our_answer_has_every_key_of_vac_3s_with_the_same_type(path: Path) -> None:
    _, theirs, ours = exchange(path)
    assert len(ours) == len(theirs)
    by_name = {part_of(one): one for one in ours}
    for one in theirs:
        same = by_name[part_of(one)]
        assert {key: kind_of(value) for key, value in one.items()} == {key: kind_of(same.get(key)) for key in one}


@pytest.mark.parametrize("path", EXCHANGES, ids=lambda path: path.stem)
def test_our_answer_says_what_vac_3s_says(path: Path) -> None:
    _, theirs, ours = exchange(path)
    by_name = {part_of(one): one for one in ours}
    differing = {"daemon_version", "vac_version", "cpu_percentage"}
    differing |= {key for one in theirs for key in one if key.endswith("_heartbeat_time")}
    for one in theirs:
        same = by_name[part_of(one)]
        assert {key: same[key] for key in one.keys() - differing} == {key: one[key] for key in one.keys() - differing}


def part_of(status: dict[str, Any]) -> str:
    return str(status.get("machine") or status.get("machinetype") or "")


def key_types(documents: Iterable[dict[str, Any]]) -> dict[str, set[type]]:
    types: dict[str, set[type]] = {}
    for document in documents:
        for key, value in document.items():
            types.setdefault(key, set()).add(type(value))
    return types


@pytest.mark.parametrize("kind", QueryKind)
def test_whole_numbers_stay_whole_and_others_stay_fractions(kind: QueryKind) -> None:
    paths = [path for path in EXCHANGES if path.name.endswith(f".{kind}_query.json")]
    theirs = key_types(one for path in paths for one in exchange(path)[1])
    ours = key_types(one for path in paths for one in exchange(path)[2])
    assert {key: ours[key] - theirs[key] for key in theirs if ours[key] - theirs[key]} == {}


@pytest.mark.parametrize("path", EXCHANGES, ids=lambda path: path.stem)
def test_recorded_answers_are_understood(path: Path) -> None:
    recorded = json.loads(path.read_text("utf-8"))
    for raw, parsed in zip(recorded["responses_raw"], recorded["responses"], strict=True):
        status = decode(raw.encode())
        assert isinstance(status, Status)
        assert status.message_type == parsed["message_type"]
        again = json.loads(encode(status))
        assert again == json.loads(raw) | again
        assert again.keys() == parsed.keys()


@pytest.mark.parametrize("name", ["vac-factories", "vac-machines", "vac-machinetype", "vacd-factory-poll"])
def test_recorded_clients_are_answered_with_their_own_cookie(name: str) -> None:
    for request in load(f"client.{name}.json")["requests"]:
        query = decode(request["raw"].encode())
        assert isinstance(query, Query)
        answers = [decode(raw) for raw in answer(query, view_of("mixed"), 1_795_467_888, space="vac01.vac.test")]
        assert answers
        assert {one.cookie for one in answers} == {request["parsed"]["cookie"]}


def test_an_abort_at_a_vac_3_factory_is_an_abort_to_us() -> None:
    report = factory_report("wn01.vac.test", statuses("abort", "machinetypes"), 1_795_467_888.0)
    assert isinstance(report, FactoryReport)
    aborted = report.types["lhcb-prod"]
    assert isinstance(aborted, TypeReport)
    assert aborted.outcome == Outcome(300, "No more work")
    assert aborted.outcome is not None
    assert aborted.outcome.is_abort
    assert aborted.shutdown_time == 1_795_467_887.0


def test_the_three_kinds_of_status_are_told_apart() -> None:
    kinds = {"factory": FactoryStatus, "machines": MachineStatus, "machinetypes": MachinetypeStatus}
    for state in STATES:
        for kind, expected in kinds.items():
            assert {type(one) for one in statuses(state, kind)} == {expected}
