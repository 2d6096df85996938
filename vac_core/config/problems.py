"""What is wrong with a site file or a vacuum pipe: where it stands, what it is, and the mend."""

from __future__ import annotations

import enum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import attrs

_LONGEST: Final = 300


class Severity(enum.StrEnum):
    """Whether something that is configured cannot be used, or only ought to be written otherwise."""

    ERROR = "error"
    WARNING = "warning"


def printable(text: str) -> str:
    """One line of bounded length that is safe to print: what a VO wrote may hold control characters."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * _LONGEST]).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def public_url(url: str) -> str:
    """A URL without what may be secret in it: a password, a query, a fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that cannot be read"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@attrs.frozen(kw_only=True)
class Problem:
    """One thing that is wrong, as `vac config check` and the log tell it."""

    severity: Severity = Severity.ERROR
    file: str = attrs.field(default="", converter=printable)
    """The site file, or the URL of the vacuum pipe."""
    line: int | None = None
    section: str = attrs.field(default="", converter=printable)
    """The section's heading without its brackets."""
    option: str = attrs.field(default="", converter=printable)
    what: str = attrs.field(converter=printable)
    mend: str = attrs.field(default="", converter=printable)

    @property
    def is_error(self) -> bool:
        """Whether what it is about cannot be used."""
        return self.severity is Severity.ERROR

    @property
    def place(self) -> str:
        """File, line, section and option, as far as they are known."""
        line = "" if self.line is None else f":{self.line}"
        parts = (f"{self.file}{line}", f"[{self.section}]" if self.section else "", self.option)
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.what, self.mend) if part)
