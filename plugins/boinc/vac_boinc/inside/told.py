"""What BOINC's client says and leaves behind, and the outcome that this comes to: pure.

The client's messages are those of versions 7.20 to 8.2 (client/cs_scheduler.cpp, client/cs_files.cpp); lines of
``job_log_*.txt`` are ``TIME ue SECONDS ct SECONDS fe FLOP nm NAME et SECONDS es STATUS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import ParseError, fromstring

COBBLESTONE = 200 / 86400e9
"""Credit for one floating point operation."""
CLIENT_EXITING, INIT_FAILURE, NO_SUB_TASKS = 199, 206, 207


class Task(NamedTuple):
    """A task that has come to its end."""

    name: str
    cpu_seconds: float
    elapsed_seconds: float
    exit_status: int
    claimed_credit: float
    """An estimate: its time, by the speed that the project reckons with. What is granted, the project decides."""


class Row(NamedTuple):
    """What a message of the client means."""

    pattern: str
    outcome: str
    final: bool = False
    """Whether nothing can come any more, though the client would go on waiting."""


ROWS = (
    Row(r"Invalid or missing account key|Invalid account key", "400 The project does not know the account key"),
    Row(
        r"Message from account manager: bad password",
        "400 The account manager does not know the login and its password",
        final=True,
    ),
    Row(r"Message from account manager", "400 The account manager refuses the account"),
    Row(
        r"Bad signature for URL|signing key from account manager",
        "600 What the account manager says is not signed by its key",
        final=True,
    ),
    Row(
        r"signature verification failed|Bad signature", "600 A file of the project is not signed by its key", final=True
    ),
    Row(
        r"doesn't support computers of type|not support this platform", "500 The project has nothing for this platform"
    ),
    Row(r"client software is too old|newer version of BOINC", "500 The project wants a newer BOINC client"),
    Row(r"Another instance of BOINC is running", "500 Another BOINC client runs here", final=True),
)
CONTACT = re.compile(r"Scheduler request completed")
NO_PROJECT = "700 The project cannot be reached"
NO_MANAGER = "700 The account manager cannot be reached"
_SILENCES = (
    (r"Account manager contact succeeded", "300 The account manager has no project for this host"),
    (r"Attaching to http", NO_PROJECT),
)
"""What it comes to that no project has answered, by what the client has said before."""


def meaning(line: str) -> Row | None:
    """The row of a line of the client's log, if it has one."""
    return next((row for row in ROWS if re.search(row.pattern, line, re.IGNORECASE)), None)


def silence(line: str) -> str:
    """What it comes to when no project answers after this line of the client's log; empty where it does not say."""
    return next((outcome for pattern, outcome in _SILENCES if re.search(pattern, line)), "")


def tasks(job_log: Iterable[str]) -> Iterator[Task]:
    """The tasks in a job log. A line that is cut off or makes no sense is passed over."""
    for line in job_log:
        words = line.split()
        fields = dict(zip(words[1::2], words[2::2], strict=False))
        try:
            elapsed, expected = float(fields["et"]), float(fields["ue"])
            speed = float(fields["fe"]) / expected if expected > 0 else 0.0
            yield Task(
                name=fields["nm"],
                cpu_seconds=float(fields["ct"]),
                elapsed_seconds=elapsed,
                exit_status=int(fields["es"]),
                claimed_credit=elapsed * speed * COBBLESTONE,
            )
        except (KeyError, ValueError):
            continue


def failures(request: bytes) -> Iterator[Task]:
    """The failed tasks in a ``sched_request_*.xml``, which no job log has. One that is being written has none yet."""
    try:
        root = fromstring(request)  # noqa: S314 - one's own client wrote it
    except ParseError:
        return
    for result in root.findall("result"):
        status = _whole(result.findtext("exit_status"))
        if status:
            yield Task(
                name=result.findtext("name", ""),
                cpu_seconds=_seconds(result.findtext("final_cpu_time")),
                elapsed_seconds=_seconds(result.findtext("final_elapsed_time")),
                exit_status=status,
                claimed_credit=0.0,
            )


def _whole(text: str | None) -> int:
    return int(text) if text and text.lstrip("-").isdigit() else 0


def _seconds(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


class Facts(NamedTuple):
    """What is known when the client has ended."""

    contacted: bool = False
    """Whether the project's scheduler has answered."""
    silence: str = NO_PROJECT
    """What it comes to where it has not."""
    stopped: bool = False
    """Whether the factory, or the machine's host, wanted it to end."""
    out_of_time: bool = False
    """Whether the machine's own time was over."""
    stuck_seconds: int = 0
    """For how long no task was done, if for too long."""
    row: Row | None = None
    """The gravest that the client said."""
    done: tuple[Task, ...] = ()
    exit_code: int = 0


def outcome(facts: Facts) -> str:
    """The shutdown message: a code of three digits and a text (HSF-TN-2016-04, section 4)."""
    done = tuple(one for one in facts.done if one.exit_status != CLIENT_EXITING)  # no fault of theirs
    good = sum(one.exit_status == 0 for one in done)
    credit = sum(one.claimed_credit for one in done)
    found = (
        (facts.stopped, "100 Shutdown as requested by the factory"),
        (good, f"200 Success ({good} tasks, {credit:.6g} credit claimed)"),
        (facts.row, facts.row and facts.row.outcome),
        (done, _failed(done)),
        (not facts.contacted, facts.silence),
        (facts.stuck_seconds, f"700 No task was done in {facts.stuck_seconds} s"),
        (facts.out_of_time, "700 No task was done before the time was over"),
        (facts.exit_code, f"700 The BOINC client ended with {facts.exit_code}"),
    )
    return next((text for holds, text in found if holds and text), "300 Nothing to do")


def _failed(done: tuple[Task, ...]) -> str:
    statuses = sorted({one.exit_status for one in done})
    if statuses == [NO_SUB_TASKS]:
        return f"300 Nothing to do (exit {NO_SUB_TASKS})"
    if statuses == [INIT_FAILURE]:
        return f"500 Tasks could not begin here (exit {INIT_FAILURE})"
    return f"600 All tasks failed (exit {', '.join(map(str, statuses))})"
