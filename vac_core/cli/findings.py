"""What ``vac doctor`` says: one finding for each thing that it looked at, with the mend."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import attrs

T = TypeVar("T")


class Verdict(enum.StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@attrs.frozen
class Finding:
    """One thing that was looked at: how it stands, what was found, and the mend where something is wrong."""

    what: str
    verdict: Verdict
    found: str
    mend: str = ""


def ok(what: str, found: str) -> Finding:
    """All is well with it."""
    return Finding(what, Verdict.OK, found)


def warning(what: str, found: str, mend: str) -> Finding:
    """It works, but ought to be otherwise."""
    return Finding(what, Verdict.WARNING, found, mend)


def problem(what: str, found: str, mend: str) -> Finding:
    """A factory cannot work, or not well, until it is mended."""
    return Finding(what, Verdict.PROBLEM, found, mend)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do what may hang; raises `TimeoutError` after so many seconds, and whatever the work raises.

    The work has a daemon thread, which is left behind where it hangs: it holds up neither the other checks nor the
    program's end.
    """
    result: Future[T] = Future()

    def carry_out() -> None:
        try:
            result.set_result(work())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is raised again where the result is awaited
            result.set_exception(error)

    threading.Thread(target=carry_out, daemon=True, name="vac-doctor").start()
    try:
        return result.result(timeout=seconds)
    except TimeoutError:
        raise TimeoutError(f"it took longer than {seconds:g} s") from None
