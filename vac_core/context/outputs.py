"""What a machine may leave in its joboutputs: names and limits (HSF-TN-2016-04, section 4)."""

from __future__ import annotations

import re
from typing import Final

import attrs

from vac_core.config.schema import Settings

JOBOUTPUTS: Final = "joboutputs"
"""The directory of a machine that holds what it left."""
SHUTDOWN_MESSAGE: Final = "shutdown_message"
FRACTION_DONE: Final = "fraction_done"
"""The output in which a machine says how far it is."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@-]{0,127}")
_MIB: Final = 1048576


@attrs.frozen(kw_only=True)
class Usage:
    """What is there: files, and their octets together."""

    files: int = 0
    octets: int = 0


@attrs.frozen(kw_only=True)
class Limits:
    """Most that one machine may leave."""

    files: int
    octets: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that a site has set."""
        return cls(files=settings.joboutputs_max_files, octets=settings.joboutputs_max_mb * _MIB)


def name_problem(name: str) -> str | None:
    """Say why a file of joboutputs may not be called so; None if it may."""
    if _NAME.fullmatch(name):
        return None
    return (
        "not a name for a job output: use up to 128 letters, digits and _ . + = @ -, not starting with one of . + = @ -"
    )


def usage_problem(usage: Usage, limits: Limits, where: str = JOBOUTPUTS) -> str | None:
    """Say which limit is passed there, and by which option it is set; None if none is."""
    if usage.files > limits.files:
        return f"{where} holds more than {limits.files} files: the most that joboutputs_max_files allows"
    if usage.octets > limits.octets:
        return f"{where} holds more than {limits.octets // _MIB} MiB: the most that joboutputs_max_mb allows"
    return None


def with_file(usage: Usage, size: int, replaced: int | None) -> Usage:
    """The usage once a file of ``size`` octets is there, in place of one of ``replaced`` octets if not None."""
    if replaced is None:
        return Usage(files=usage.files + 1, octets=usage.octets + size)
    return Usage(files=usage.files, octets=usage.octets + size - replaced)
