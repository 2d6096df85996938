"""The readers of options: what they take, what they refuse with which mend, and that what is shown is read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.config import read
from vac_core.config.schema import MachineType, Settings, VacuumPipe
from vac_core.options import OptionValueError, options_of

_HOST = st.from_regex(r"[A-Za-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,8}){0,2}", fullmatch=True)
_PORT = st.integers(1, 65535)
_ADDRESS = st.one_of(_HOST, st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda one: f"[{one}]"))
_PEER = st.builds(
    lambda name, address, port: name + (f"@{address}" if address else "") + (f":{port}" if port else ""),
    _HOST,
    st.none() | _ADDRESS,
    st.none() | _PORT,
)
_TEXTS: dict[Callable[[str], Any], st.SearchStrategy[str]] = {
    read.text: st.text(),
    read.words: st.text(),
    read.yes_no: st.sampled_from(["yes", "No", "TRUE", "off", " 1"]),
    read.integer(): st.integers().map(str),
    read.decimal(): st.floats(allow_nan=False, allow_infinity=False).map(repr),
    read.choice("one", "two"): st.sampled_from(["one", " two"]),
    read.matching(r"[a-z]+", "letters"): st.from_regex(r"[a-z]+", fullmatch=True),
    read.host_name: _HOST,
    read.peer_list: st.lists(_PEER).map(" ".join),
    read.host_ports: st.lists(st.builds("{}:{}".format, _HOST.map(str.lower), _PORT)).map(", ".join),
    read.optional(read.integer(0)): st.one_of(st.integers(0).map(str), st.sampled_from(["none", "None", ""])),
    read.optional(read.text): st.text(),
    read.proxy_name: st.text(),
    read.no_slash: st.text(st.characters(blacklist_characters="/")).filter(lambda one: one not in {".", ".."}),
    read.no_parent: st.from_regex(r"https://[a-z]+(/[a-z]+)*", fullmatch=True),
}


@given(st.data())
def test_what_is_shown_is_read_again(data: st.DataObject) -> None:
    reader, texts = data.draw(st.sampled_from(list(_TEXTS.items())), label="reader")
    value = reader(data.draw(texts, label="text"))
    assert reader(read.shown(value)) == value


@given(st.data())
def test_each_option_refuses_text_only_with_a_reason(data: st.DataObject) -> None:
    options = [one for schema in (Settings, MachineType, VacuumPipe) for one, _ in options_of(schema).values()]
    reader = data.draw(st.sampled_from(options)).read
    raw = data.draw(st.one_of(st.text(), _PEER, st.integers().map(str), st.floats().map(repr)))
    refused = None
    try:
        value = reader(raw)
    except OptionValueError as error:
        refused = error
    assert (refused.what and refused.mend) if refused else reader(read.shown(value)) == value


@pytest.mark.parametrize("schema", [Settings, MachineType, VacuumPipe])
def test_defaults_are_what_their_own_text_says(schema: type[Any]) -> None:
    for name, (declared, default) in options_of(schema).items():
        if not declared.required and not declared.many:
            assert declared.read(read.shown(default)) == default, name


@pytest.mark.parametrize(
    ("reader", "raw", "told"),
    [
        (read.integer(1), "two", "'two' is not a whole number: write a number such as 1"),
        (read.integer(1), "0", "0 is too small: the least is 1"),
        pytest.param(
            read.integer(1),
            "9" * 5000,
            f"'{'9' * 5000}' is not a whole number: write a number such as 1",
            id="more digits than Python takes",
        ),
        (read.decimal(0.0), "nan", "'nan' is not a finite number: write a number such as 1.0"),
        (read.decimal(0.0), "1e999", "'1e999' is not a finite number: write a number such as 1.0"),
        (read.decimal(0.0, 2.0), "3", "3.0 is too large: the most is 2.0"),
        (read.yes_no, "perhaps", "'perhaps' is neither yes nor no: write yes or no"),
        (read.choice("any", "factories"), "all", "'all' is not one of its words: write any or factories"),
        (read.host_name, "a_b", "'a_b' is not a host name: use letters, digits, hyphens and dots"),
        (read.peer_list, "wn01 wn02:0", "0 is too small: the least is 1"),
        (read.peer_list, "wn01@", "'wn01@' is no factory: write NAME, NAME:PORT, NAME@ADDRESS or NAME@ADDRESS:PORT"),
        (read.host_ports, "x", "'x' is no server with a port: write HOST:PORT, such as vacmon.example.org:8884"),
        (read.no_slash, "a/b", "'a/b' is no bare file name: write a name with no '/'"),
        (read.no_parent, "a/../b", "'a/../b' climbs out of its directory: write a path with no '..' in it"),
    ],
)
def test_refusals_say_what_and_the_mend(reader: Callable[[str], Any], raw: str, told: str) -> None:
    with pytest.raises(OptionValueError) as refused:
        reader(raw)
    assert str(refused.value) == told


@pytest.mark.parametrize(("raw", "name"), [("True", "yes"), ("False", None), ("none", None), ("grid", "grid")])
def test_proxy_names_are_those_of_vac_3(raw: str, name: str | None) -> None:
    assert read.proxy_name(raw) == name
