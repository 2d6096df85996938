"""The dialect of vac.conf: that of Python 2's RawConfigParser, with which Vac 3 read it, and a line number for all.

A line that begins with ``#``, ``;`` or the word ``rem`` is a comment, and so is what follows the first ``;`` of a line
if white space stands before it. ``option = value`` or ``option: value``; a line that begins with white space goes on
with the value above it. Names of options are lower-cased, ``""`` is an empty value. The standard library's own parser
of today gives no line numbers, stops at the first fault, and takes other lines for comments.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from vac_core.config.problems import Problem, Severity
from vac_core.config.sections import Heading, Setting, Written

_HEADING: Final = re.compile(r"\[([^]]+)\]")
_OPTION: Final = re.compile(r"([^:=\s][^:=]*)[:=](.*)")
_COMMENT: Final = re.compile(r"[#;]|(?i:rem)(?:\s|\Z)")
_LOOKS_APART: Final = re.compile(r"[#;]|[A-Za-z0-9_]+\s*=")
_FAMILY: Final = "_option_"


def written(text: str, file: str) -> Written:
    """Read the text of a site file; whatever it is, this raises nothing."""
    reading = _Reading(file=file)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not _COMMENT.match(line):
            reading.line(number, line.rstrip())
    return Written(headings=tuple(reading.headings), settings=tuple(reading.settings), problems=tuple(reading.problems))


@attrs.define
class _Reading:
    file: str
    headings: list[Heading] = attrs.field(factory=list)
    settings: list[Setting] = attrs.field(factory=list)
    problems: list[Problem] = attrs.field(factory=list)
    seen: dict[tuple[str, str], int] = attrs.field(factory=dict)
    goes_on: bool = False
    """Whether a line that begins with white space belongs to the latest setting."""

    def line(self, number: int, line: str) -> None:
        if line[0].isspace():
            self._continuation(number, line.strip())
        elif heading := _HEADING.match(line):
            self.goes_on = False
            self.headings.append(Heading(text=" ".join(heading[1].split()), file=self.file, line=number))
        elif option := _OPTION.match(line):
            self._option(number, option[1].strip().lower(), _uncommented(option[2]))
        else:
            self.goes_on = False
            self._problem(number, "this line sets no option", "write OPTION = VALUE, or begin a comment with #")

    def _option(self, number: int, name: str, value: str) -> None:
        self.goes_on = bool(self.headings)
        if not self.headings:
            self._problem(number, f"'{name}' stands in no section", "write it below [settings] or another heading")
            return
        section = self.headings[-1].text
        setting = Setting(option=name, value=value, file=self.file, line=number, section=section)
        self.settings.append(setting)
        before = self.seen.setdefault((section, name), number)
        if before != number:
            self._warn(setting, f"it is also set in line {before}; this line counts", "keep one of the two lines")
            self.seen[section, name] = number

    def _continuation(self, number: int, more: str) -> None:
        if not self.goes_on:
            self._problem(number, "this line goes on with no option", "begin it in the first column")
            return
        setting = self.settings[-1]
        self.settings[-1] = attrs.evolve(setting, value=f"{setting.value}\n{more}".lstrip())
        if _LOOKS_APART.match(more) and _FAMILY not in setting.option:
            what = f"line {number} begins with white space, so it belongs to this option's value"
            self._warn(setting, what, "begin comments and options in the first column")

    def _problem(self, number: int, what: str, mend: str) -> None:
        section = self.headings[-1].text if self.headings else ""
        self.problems.append(Problem(file=self.file, line=number, section=section, what=what, mend=mend))

    def _warn(self, setting: Setting, what: str, mend: str) -> None:
        self.problems.append(setting.problem(what, mend, Severity.WARNING))


def _uncommented(value: str) -> str:
    before, semicolon, _ = value.partition(";")
    kept = before if semicolon and before[-1:].isspace() else value
    return "" if kept.strip() == '""' else kept.strip()


def as_written(option: str, value: str) -> str:
    """The lines that set an option to a value in a site file."""
    first, *more = value.split("\n")
    apart = first != _uncommented(f" {first}")
    lines = [f"{option} =" if apart else f"{option} = {first}".rstrip(), *([first] if apart else []), *more]
    return "\n    ".join(lines)
