"""What is received is checked and clamped; what is sent always fits a frame."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.vacquery.messages import (
    MAX_OCTETS,
    MAX_RECEIVED,
    FactoryStatus,
    MachineStatus,
    MachinetypeStatus,
    MessageError,
    NoStatus,
    Query,
    QueryKind,
    Refusal,
    StatusChanged,
    decode,
    encode,
)
from vac_core.vacquery.statuses import FromFactory
from vac_core.vacquery.wire import MOST_MESSAGES, keys_of

NOW = 1_795_467_888

STATUS = {
    "message_type": "machinetype_status",
    "cookie": "c" * 64,
    "space": "vac01.example.org",
    "factory": "wn02.example.org",
    "num_machinetypes": 1,
    "machinetype": "lhcb",
    "running_hs06": 10.5,
    "running_machines": 1,
    "num_before_fizzle": 0,
    "shutdown_message": None,
    "shutdown_time": None,
    "shutdown_machine": None,
}

names = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,80}", fullmatch=True)
texts = st.text(max_size=1024)
cookies = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=128)


def received(**changes: object) -> bytes:
    return json.dumps(STATUS | changes).encode()


def refusal(raw: bytes) -> MessageError:
    with pytest.raises(MessageError) as caught:
        decode(raw, NOW)
    return caught.value


@pytest.mark.parametrize("raw", [b"1", b"null", b"[]", b'"factory_query"', b"true", b"1.5"])
def test_json_that_is_no_object_is_refused(raw: bytes) -> None:
    assert refusal(raw).refusal is Refusal.NOT_AN_OBJECT


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b'{"a":NaN}', b'{"a":-Infinity}', b"[" * 9000, b'{"a":' * 2000, b"9" * 5000, b"\x00" * 10],
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    assert refusal(raw).refusal is Refusal.NOT_JSON


def test_a_huge_datagram_is_refused_unread() -> None:
    assert refusal(b" " * (MAX_RECEIVED + 1)).refusal is Refusal.TOO_LARGE


@pytest.mark.parametrize("word", ["apel_query", 7, None, [], {}, "factory_query "])
def test_an_unknown_kind_of_message_is_refused(word: object) -> None:
    assert refusal(received(message_type=word)).refusal is Refusal.UNKNOWN_MESSAGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("running_hs06", None),
        ("running_hs06", "10.5"),
        ("running_hs06", True),
        ("running_hs06", [1]),
        ("running_machines", "many"),
        ("num_before_fizzle", None),
        ("num_before_fizzle", {}),
        ("num_machinetypes", "1"),
        ("machinetype", 5),
        ("machinetype", ""),
        ("machinetype", "lhcb\x1b[2J"),
        ("machinetype", "a" * 254),
        ("factory", "wn02 example"),
        ("cookie", "c" * 129),
        ("cookie", "two\nlines"),
        ("cookie", 5),
        ("space", None),
        ("shutdown_message", 300),
        ("shutdown_time", "soon"),
        ("max_processors", "8"),
        ("fqan", ["lhcb"]),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_name(name: str, value: object) -> None:
    error = refusal(received(**{name: value}))
    assert error.refusal is Refusal.WRONG_VALUE
    assert name in str(error)


@pytest.mark.parametrize("name", [name for name in STATUS if not name.startswith("shutdown_")])
def test_a_message_that_lacks_a_key_is_refused(name: str) -> None:
    raw = json.dumps({key: value for key, value in STATUS.items() if key != name}).encode()
    assert refusal(raw).refusal in {Refusal.WRONG_VALUE, Refusal.UNKNOWN_MESSAGE}


def test_a_number_too_large_for_json_is_refused_as_not_finite() -> None:
    raw = received().replace(b"10.5", b"1e999")
    assert refusal(raw).refusal is Refusal.WRONG_VALUE


def test_numbers_are_clamped() -> None:
    status = decode(received(running_hs06=-3, running_machines=10**400, num_machinetypes=10**9), NOW)
    assert isinstance(status, MachinetypeStatus)
    assert (status.running_hs06, status.running_machines) == (0.0, 2**63 - 1)
    assert status.num_machinetypes == MOST_MESSAGES


def test_nobody_is_waited_for_because_of_no_messages_to_expect() -> None:
    status = decode(received(num_machinetypes=0), NOW)
    assert isinstance(status, MachinetypeStatus)
    assert status.num_machinetypes == 1


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_machine_never_ended_later_than_now(when: float) -> None:
    status = decode(received(shutdown_time=when), NOW + 0.5)
    assert isinstance(status, MachinetypeStatus)
    assert status.shutdown_time is not None
    assert 0 <= status.shutdown_time <= NOW


def test_text_of_a_guest_reaches_no_terminal_with_control_characters() -> None:
    status = decode(received(shutdown_message="300 \x1b[31mred\r\n\ud800"), NOW)
    assert isinstance(status, MachinetypeStatus)
    assert status.shutdown_message == "300 [31mred"


def test_what_vcycle_leaves_out_or_sends_as_null_gets_its_default() -> None:
    head = {name: STATUS[name] for name in ("cookie", "space", "factory")}
    raw = json.dumps({"message_type": "factory_status", **head, "max_processors": None}).encode()
    assert decode(raw) == FactoryStatus(**head, daemon_version=FactoryStatus(**head).daemon_version)


def test_old_names_are_understood() -> None:
    status = decode(received(running_cpus=4.0, vac_version="Vac 02.00 vacd"), NOW)
    assert isinstance(status, MachinetypeStatus)
    assert (status.running_processors, status.daemon_version) == (4.0, "Vac 02.00 vacd")


@pytest.mark.parametrize(
    ("method", "kind"),
    [("machines", QueryKind.MACHINES), ("machinetypes", QueryKind.MACHINETYPES), ("factories", QueryKind.FACTORY)],
)
def test_queries_of_old_programs_are_known_by_their_method(method: str, kind: QueryKind) -> None:
    query = decode(json.dumps({"method": method, "cookie": "1", "space": "vac01.example.org"}).encode())
    assert isinstance(query, Query)
    assert query.kind is kind


@given(st.binary(max_size=200))
def test_octets_are_a_message_or_refused(raw: bytes) -> None:
    with contextlib.suppress(MessageError):  # and nothing else is raised
        decode(raw, NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*STATUS, "running_cpus", "fqan", "max_processors"]), json_values))
def test_any_values_make_a_sound_status_or_a_refusal(changes: dict[str, object]) -> None:
    try:
        status = decode(received(**changes), NOW)
    except MessageError:
        return
    if isinstance(status, MachinetypeStatus):
        assert math.isfinite(status.running_hs06)
        assert status.running_hs06 >= 0
        assert status.shutdown_time is None or status.shutdown_time <= NOW
        assert encode(status)


statuses = st.one_of(
    st.builds(
        MachinetypeStatus,
        cookie=cookies,
        space=names,
        factory=names,
        site=texts,
        num_machinetypes=st.integers(1, 1024),
        machinetype=names,
        running_hs06=st.floats(0, 1e9),
        running_machines=st.integers(0, 100),
        num_before_fizzle=st.integers(0, 100),
        shutdown_message=st.none() | texts.map(lambda text: f"300 {text}"[:1024]),
        shutdown_time=st.none() | st.integers(0, NOW),
        fqan=st.sampled_from(["", "/lhcb/Role=NULL/Capability=NULL"]),
        max_processors=st.none() | st.integers(1, 256),
    ),
    st.builds(
        MachineStatus,
        cookie=cookies,
        space=names,
        factory=names,
        num_machines=st.integers(1, 1024),
        machine=names,
        state=st.sampled_from(["Running", "Shut down"]),
        machinetype=st.none() | names,
        shutdown_message=st.none() | texts,
        cpu_percentage=st.floats(0, 1e6),
    ),
    st.builds(FactoryStatus, cookie=cookies, space=names, factory=names, os_issue=texts, kernel_version=texts),
)


@given(statuses)
def test_a_message_always_fits_and_keeps_its_code(status: MachineStatus | MachinetypeStatus | FactoryStatus) -> None:
    raw = encode(status)
    assert len(raw) <= MAX_OCTETS
    again = decode(raw)
    assert isinstance(again, FromFactory)
    assert (again.factory, again.cookie) == (status.factory, status.cookie)
    if isinstance(status, MachinetypeStatus) and status.shutdown_message is not None:
        assert isinstance(again, MachinetypeStatus)
        assert (again.shutdown_message or "")[:3] == "300"


def test_names_that_leave_no_room_are_refused_for_they_are_never_cut() -> None:
    name = "n" * 253
    status = MachinetypeStatus(
        cookie="0",
        space=name,
        factory=name,
        num_machinetypes=1,
        machinetype=name,
        running_hs06=0.0,
        running_machines=0,
        num_before_fizzle=0,
        shutdown_machine="m" * 600,
    )
    with pytest.raises(MessageError) as caught:
        encode(status)
    assert caught.value.refusal is Refusal.TOO_LONG_TO_SEND


@pytest.mark.parametrize("letter", ["x", "\u00e9", '"', "\U0001f600"])
def test_a_guest_cannot_hide_its_abort_behind_a_long_message(letter: str) -> None:
    head = {"cookie": "c" * 64, "space": "vac01.example.org", "factory": "wn01.example.org"}
    status = MachinetypeStatus(
        **head,
        num_machinetypes=4,
        machinetype="lhcb",
        running_hs06=0.0,
        running_machines=0,
        num_before_fizzle=0,
        shutdown_message="300 " + letter * 100_000,
        shutdown_time=NOW,
    )
    raw = encode(status)
    assert len(raw) <= MAX_OCTETS
    assert len(raw) > MAX_OCTETS - 100
    again = decode(raw)
    assert isinstance(again, MachinetypeStatus)
    assert (again.shutdown_message or "").startswith("300 " + letter * 3)


def test_a_cookie_that_leaves_no_room_is_refused() -> None:
    query = Query(kind=QueryKind.FACTORY, cookie='"' * 128, space="vac01.example.org")
    with pytest.raises(MessageError, match="cookie"):
        encode(query)


@given(st.sampled_from(QueryKind), cookies, names)
def test_a_query_is_read_as_it_was_written(kind: QueryKind, cookie: str, space: str) -> None:
    query = Query(kind=kind, cookie=cookie, space=space, to="wn02.example.org", no_status="yes")
    assert decode(encode(query)) == query


def test_messages_that_vac_3_ignores_have_no_word_that_it_knows() -> None:
    known = {"factory_query", "machines_query", "machinetypes_query"}
    known |= {"factory_status", "machine_status", "machinetype_status"}
    for kind in (NoStatus, StatusChanged):
        document = json.loads(encode(kind(cookie="0", space="vac01.example.org", factory="wn01.example.org")))
        assert document["message_type"] not in known
        assert "method" not in document


@pytest.mark.parametrize("kind", [Query, FactoryStatus, MachineStatus, MachinetypeStatus, NoStatus, StatusChanged])
def test_every_key_says_what_it_means(kind: type) -> None:
    assert all(about.doc.endswith(".") for about, _ in keys_of(kind).values())
