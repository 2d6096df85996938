"""Sections of site files: options as text, each with its place, and how sections of several files merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from vac_core.config.problems import Problem, Severity

DEFAULT_HEADING: Final = "DEFAULT"
"""Options of this section stand in for all others that know them, as ConfigParser has it."""

NAMED_KINDS: Final = frozenset({"machinetype", "vacuum_pipe", "plugin"})
"""Kinds of sections of which there may be many, each with a name."""

_RENAMED_KINDS: Final = {"vmtype": "machinetype"}


@attrs.frozen(kw_only=True)
class Setting:
    """One option as it was written, with its place. Its value may be a secret."""

    option: str
    value: str = attrs.field(repr=False)
    file: str
    line: int | None = None
    section: str

    def problem(self, what: str, mend: str = "", severity: Severity = Severity.ERROR) -> Problem:
        """A problem that stands here."""
        return Problem(
            severity=severity,
            file=self.file,
            line=self.line,
            section=self.section,
            option=self.option,
            what=what,
            mend=mend,
        )


@attrs.frozen(kw_only=True)
class Heading:
    """A section's heading, and where it was met."""

    text: str
    file: str
    line: int | None = None

    @property
    def kind(self) -> str:
        """The first word: settings, machinetype, vacuum_pipe or plugin; ``vmtype`` is the old word for machinetype."""
        word = self.text.partition(" ")[0]
        return _RENAMED_KINDS.get(word, word)

    @property
    def name(self) -> str:
        """What follows the first word."""
        return self.text.partition(" ")[2]

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name: headings with the same key are one section."""
        return self.kind, self.name

    @property
    def takes(self) -> str:
        """What decides on the options that it takes: the kind, and of a plugin's section the name too."""
        return f"plugin {self.name}" if self.kind == "plugin" else self.kind

    @property
    def renamed(self) -> bool:
        """Whether it was written with an old word."""
        return self.text.partition(" ")[0] in _RENAMED_KINDS

    def problem(self, what: str, mend: str = "", severity: Severity = Severity.ERROR) -> Problem:
        """A problem that stands here."""
        return Problem(severity=severity, file=self.file, line=self.line, section=self.text, what=what, mend=mend)


@attrs.frozen(kw_only=True)
class Section:
    """One section, merged from all files: of an option that is set more than once, the last counts."""

    heading: Heading
    settings: Mapping[str, Setting] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Written:
    """What one file says: headings and settings in their order, and what of it could not be read."""

    headings: tuple[Heading, ...] = ()
    settings: tuple[Setting, ...] = ()
    problems: tuple[Problem, ...] = ()


def merged(files: Iterable[Written]) -> dict[tuple[str, str], Section]:
    """Sections of all files by kind and name; later files win over earlier ones, later lines over earlier ones."""
    headings: dict[tuple[str, str], Heading] = {}
    settings: dict[tuple[str, str], dict[str, Setting]] = {}
    for written in files:
        for heading in written.headings:
            headings.setdefault(heading.key, heading)
        for setting in written.settings:
            settings.setdefault(Heading(text=setting.section, file="").key, {})[setting.option] = setting
    return {key: Section(heading=heading, settings=settings.get(key, {})) for key, heading in headings.items()}
