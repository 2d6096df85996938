"""Signatures by the shared key: Vac 3 reads past them, and nobody without the key can make or reuse them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.vacquery.messages import (
    MAX_OCTETS,
    MachinetypeStatus,
    MessageError,
    Query,
    QueryKind,
    Refusal,
    decode,
    encode,
)
from vac_core.vacquery.signing import LIFE_SECONDS, SIGNATURE_OCTETS, Taken, sign, verify

KEY = b"the space's shared key"
NOW = 1_795_467_888.0
NONCE = "0123456789abcdef"
QUERY = encode(Query(kind=QueryKind.MACHINETYPES, cookie="c" * 64, space="vac01.example.org"))
SIGNED = sign(QUERY, KEY, NOW, NONCE)


def refused(raw: bytes, key: bytes = KEY, now: float = NOW) -> Refusal:
    with pytest.raises(MessageError) as caught:
        verify(raw, key, now)
    return caught.value.refusal


def test_a_signed_message_is_still_the_same_message() -> None:
    assert decode(SIGNED) == decode(QUERY)
    assert json.loads(SIGNED).keys() - json.loads(QUERY).keys() == {"signed_at", "nonce", "hmac"}


def test_a_signature_is_accepted_by_who_has_the_key() -> None:
    assert verify(SIGNED, KEY, NOW) == json.loads(SIGNED)["hmac"]


def test_a_signature_takes_no_more_room_than_is_kept_for_it() -> None:
    long = MachinetypeStatus(
        cookie="c" * 128,
        space="vac01.example.org",
        factory="wn01.example.org",
        num_machinetypes=1,
        machinetype="lhcb",
        running_hs06=0.0,
        running_machines=0,
        num_before_fizzle=0,
        shutdown_message="300 " + "x" * 2000,
    )
    assert MAX_OCTETS - 10 < len(sign(encode(long, MAX_OCTETS - SIGNATURE_OCTETS), KEY, NOW, NONCE)) <= MAX_OCTETS


def test_another_key_is_refused() -> None:
    assert refused(SIGNED, key=b"another key entirely") is Refusal.WRONG_SIGNATURE


@pytest.mark.parametrize("raw", [QUERY, b"", b"{}", b"null", SIGNED[:-1], SIGNED + b" ", SIGNED[:-1] + b',"a":1}'])
def test_what_bears_no_signature_at_its_end_is_refused(raw: bytes) -> None:
    assert refused(raw) is Refusal.UNSIGNED


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_octet_can_be_changed(place: int, change: int) -> None:
    forged = bytearray(SIGNED)
    forged[place] ^= change
    assert refused(bytes(forged)) in {Refusal.UNSIGNED, Refusal.WRONG_SIGNATURE}


@given(st.floats(LIFE_SECONDS + 1, 1e9), st.sampled_from([-1, 1]))
def test_a_signature_of_another_time_is_refused(seconds: float, way: int) -> None:
    assert refused(SIGNED, now=NOW + way * seconds) is Refusal.STALE


def test_a_message_is_taken_once() -> None:
    taken = Taken()
    taken.take(verify(SIGNED, KEY, NOW), NOW)
    with pytest.raises(MessageError) as caught:
        taken.take(verify(SIGNED, KEY, NOW + 1), NOW + 1)
    assert caught.value.refusal is Refusal.REPLAYED
    taken.take(verify(sign(QUERY, KEY, NOW, "f" * 16), KEY, NOW), NOW + 1)


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 50)), max_size=60))
def test_no_signature_is_taken_twice_within_its_life(arrivals: list[tuple[int, float]]) -> None:
    taken, now, latest = Taken(), NOW, {}
    for number, pause in arrivals:
        now += pause
        signature = str(number)
        try:
            taken.take(signature, now)
        except MessageError:
            assert now - latest[signature] <= 2 * LIFE_SECONDS
        else:
            assert now - latest.get(signature, 0.0) > 2 * LIFE_SECONDS
            latest[signature] = now
