"""Site files are read as Python 2's RawConfigParser read them for Vac 3, with a line number for everything."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vac_core.config.dialect import as_written, written

_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name != "rem")
_LINE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip)


def values(text: str) -> dict[tuple[str, str], str]:
    return {(one.section, one.option): one.value for one in written(text, "vac.conf").settings}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a = b", "b"),
        ("a=b", "b"),
        ("a : b", "b"),
        ("A = b", "b"),
        ("a = b=c", "b=c"),
        ("a =", ""),
        ('a = ""', ""),
        ("a = b ; comment", "b"),
        ("a = b;c ; d", "b;c ; d"),
        ("a = b # no comment", "b # no comment"),
        ("a = b\n  c\n\n  d", "b\nc\nd"),
        ("a =\n  b", "b"),
        ("a = b\n# comment\n  c", "b\nc"),
        ("a = b\n  ; c", "b\n; c"),
        ("a = b\r\n", "b"),
    ],
)
def test_one_option(line: str, value: str) -> None:
    assert values(f"[s]\n{line}\n") == {("s", "a"): value}


@pytest.mark.parametrize("line", ["# a = b", "; a = b", "rem a = b", "REM", "", "   "])
def test_comments_and_empty_lines_say_nothing(line: str) -> None:
    read = written(f"[s]\n{line}\n", "vac.conf")
    assert (read.settings, read.problems) == ((), ())


def test_headings_are_known_by_their_words_and_lines() -> None:
    read = written("\n[machinetype   lhcb ] trailing\n[settings]", "vac.conf")
    assert [(one.text, one.kind, one.name, one.line) for one in read.headings] == [
        ("machinetype lhcb", "machinetype", "lhcb", 2),
        ("settings", "settings", "", 3),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = b\n[s]", "vac.conf:1: 'a' stands in no section: write it below [settings] or another heading"),
        ("[s]\nnonsense", "vac.conf:2 [s]: this line sets no option: write OPTION = VALUE, or begin a comment with #"),
        ("[s]\n  a = b", "vac.conf:2 [s]: this line goes on with no option: begin it in the first column"),
        (
            "[s]\na = 1\na = 2",
            "vac.conf:3 [s] a: it is also set in line 2; this line counts: keep one of the two lines",
        ),
        (
            "[s]\na = 1\n  # b",
            (
                "vac.conf:2 [s] a: line 3 begins with white space, so it belongs to this option's value: "
                "begin comments and options in the first column"
            ),
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, told: str) -> None:
    assert [str(problem) for problem in written(text, "vac.conf").problems] == [told]


def test_lines_that_may_hold_a_secret_are_not_repeated() -> None:
    read = written("[s]\ncorrect-horse\n  battery-staple\n", "vac.conf")
    assert len(read.problems) == 2
    assert "horse" not in repr(read)
    assert "staple" not in repr(read)


@given(st.text())
@example("[")
@example("[]\n=\n:")
@example("[s]\n\x0b=\x0c")
def test_no_text_raises(text: str) -> None:
    lines = text.count("\n") + 1
    read = written(text, "vac.conf")
    assert all(1 <= (problem.line or 0) <= lines for problem in read.problems)
    assert all(1 <= (one.line or 0) <= lines and one.option for one in read.settings)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}( [a-z]{1,8})?", fullmatch=True),
        st.dictionaries(_NAMES, _LINE, max_size=4),
        max_size=4,
    )
)
def test_the_standard_library_reads_the_same(sections: dict[str, dict[str, str]]) -> None:
    text = "".join(
        f"[{heading}]\n" + "".join(f"{name} = {value}\n" for name, value in options.items())
        for heading, options in sections.items()
    )
    oracle = configparser.RawConfigParser(strict=False)
    oracle.read_string(text)
    expected = {(heading, name): value for heading in oracle.sections() for name, value in oracle.items(heading)}
    cut = {key: value for key, value in values(text).items() if ";" not in expected[key] and expected[key] != '""'}
    assert cut == {key: value for key, value in expected.items() if ";" not in value and value != '""'}


@given(st.lists(_LINE.filter(bool), max_size=4))
@example(["; a"])
@example(["a ; b", "# c"])
@example(['""'])
def test_a_value_as_written_is_read_again(lines: list[str]) -> None:
    value = "\n".join(lines)
    assert values(f"[s]\n{as_written('a', value)}\n") == {("s", "a"): value}
