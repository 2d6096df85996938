"""A poll pairs answers with queries, and becomes the reports that decisions are made from."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.config.read import Peer, peer_list
from vac_core.model import Outcome
from vac_core.vacquery.messages import MachinetypeStatus, MessageError, NoStatus, Query, QueryKind, Refusal, encode
from vac_core.vacquery.peers import canonical, others
from vac_core.vacquery.poll import Poll
from vac_core.vacquery.reports import factory_report
from vac_core.vacquery.signing import sign

SPACE = "vac01.example.org"
WN02, WN03 = "wn02.example.org", "wn03.example.org"


@pytest.fixture
def poll() -> Poll:
    return Poll(QueryKind.MACHINETYPES, SPACE, [WN02, WN03], "a secret", "vacd-factory")


def status(query: Query, machinetype: str = "lhcb", count: int = 1, **changes: object) -> MachinetypeStatus:
    made = MachinetypeStatus(
        cookie=query.cookie,
        space=SPACE,
        factory=query.to,
        num_machinetypes=count,
        machinetype=machinetype,
        running_hs06=1.0,
        running_machines=1,
        num_before_fizzle=0,
    )
    return attrs.evolve(made, **changes)


def test_a_factory_has_answered_when_all_its_messages_are_there(poll: Poll) -> None:
    query = poll.question(WN02)
    assert poll.take(status(query, "lhcb", 2)) is None
    assert poll.take(status(query, "lhcb", 2)) is None
    assert poll.take(status(query, "atlas", 2)) == WN02
    assert poll.complete == {WN02}
    assert [one.machinetype for one in poll.statuses()[WN02]] == ["lhcb", "atlas"]


def test_a_factory_with_nothing_to_tell_has_answered_too(poll: Poll) -> None:
    query = poll.question(WN03)
    assert poll.take(NoStatus(cookie=query.cookie, space=SPACE, factory=WN03)) == WN03
    assert poll.statuses()[WN03] == ()


def test_asking_again_is_the_same_query(poll: Poll) -> None:
    assert poll.question(WN02) == poll.question(WN02)
    assert poll.question(WN02).cookie != poll.question(WN03).cookie


def test_a_signed_query_fits_the_receive_buffer_of_vac_3s_responder(poll: Poll) -> None:
    long = Poll(QueryKind.MACHINES, f"{'s' * 100}.example.org", [f"{'n' * 100}.example.org"], "x", "vacd-factory")
    assert len(sign(encode(long.question(f"{'n' * 100}.example.org")), b"k" * 16, 1.8e9, "0" * 16)) <= 1024


def test_an_upper_case_factory_is_counted(poll: Poll) -> None:
    assert poll.take(status(poll.question(WN02), factory="WN02.example.org")) == WN02


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"cookie": "0"}, Refusal.UNKNOWN_COOKIE),
        ({"factory": WN03}, Refusal.UNKNOWN_COOKIE),
        ({"space": "vac02.example.org"}, Refusal.OTHER_SPACE),
    ],
)
def test_a_forged_answer_is_refused(poll: Poll, changes: dict[str, str], refusal: Refusal) -> None:
    with pytest.raises(MessageError) as caught:
        poll.take(status(poll.question(WN02), **changes))
    assert caught.value.refusal is refusal
    assert poll.statuses() == {}


def test_an_answer_of_another_kind_is_refused(poll: Poll) -> None:
    with pytest.raises(MessageError) as caught:
        poll.take(poll.question(WN02))
    assert caught.value.refusal is Refusal.NOT_ASKED_FOR


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 1024)), max_size=50))
def test_a_peer_that_lies_about_its_number_cannot_fill_the_memory(answers: list[tuple[int, int]]) -> None:
    poll = Poll(QueryKind.MACHINETYPES, SPACE, [WN02], "a secret", "vacd-factory")
    for number, count in answers:
        poll.take(status(poll.question(WN02), f"type-{number}", count))
    assert len(poll.statuses().get(WN02, ())) <= 3
    assert (WN02 in poll.complete) == any(
        len({name for name, _ in answers[: place + 1]}) >= count for place, (_, count) in enumerate(answers)
    )


def test_a_report_says_how_the_latest_machine_ended() -> None:
    query = Query(kind=QueryKind.MACHINETYPES, cookie="1", space=SPACE, to=WN02)
    ended = status(query, running_processors=4.0, shutdown_message="300 Nothing to do", shutdown_time=90)
    report = factory_report(WN02, [ended], 100.0)
    assert report.types["lhcb"].outcome == Outcome(300, "Nothing to do")
    assert report.types["lhcb"].running_processors == 4
    assert (report.factory, report.received) == (WN02, 100.0)


@given(st.integers(0, 2**63 - 1))
def test_no_machine_ended_after_its_report_came(ended: int) -> None:
    query = Query(kind=QueryKind.MACHINETYPES, cookie="1", space=SPACE, to=WN02)
    report = factory_report(WN02, [status(query, shutdown_message="300", shutdown_time=ended)], 1000.0)
    assert (report.types["lhcb"].shutdown_time or 0.0) <= 1000.0


def test_peers_are_named_as_they_name_themselves() -> None:
    assert canonical("WN02", "wn01.example.org") == WN02
    assert canonical("wn02.other.org", "wn01.example.org") == "wn02.other.org"
    assert canonical("beta", "alpha") == "beta"


def test_a_factory_does_not_ask_itself_nor_anybody_twice() -> None:
    listed = peer_list("wn01.example.org wn02 wn02.example.org@127.0.0.2:1995 wn03.example.org")
    assert others(listed, "wn01.example.org") == (Peer(WN02, "127.0.0.2", 1995), Peer(WN03, WN03))
