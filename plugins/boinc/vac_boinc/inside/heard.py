"""What is known of a client by what it says in its log, and by what it leaves in its directory."""

from __future__ import annotations

from pathlib import Path

from .told import CONTACT, Facts, Task, failures, meaning, silence, tasks


class Heard:
    """One client's word so far."""

    def __init__(self, directory: Path, log: Path) -> None:
        self._directory, self._log = directory, log
        self._read = 0
        """Octets of the log that are known."""
        self._failed: dict[str, Task] = {}

    def look(self, facts: Facts) -> Facts:
        """See what the client has said and done since."""
        for line in self._new_lines():
            row = meaning(line)
            if row is not None and (facts.row is None or row.final):
                facts = facts._replace(row=row)
            if CONTACT.search(line):
                facts = facts._replace(contacted=True)
            facts = facts._replace(silence=silence(line) or facts.silence)
        return facts._replace(done=self._done())

    def _new_lines(self) -> list[str]:
        """Those that have ended since: a log may grow for days."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            written = log.read()
        whole = written[: written.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def _done(self) -> tuple[Task, ...]:
        """The tasks that have ended. Of those that failed the client keeps its last report only."""
        for path in self._directory.glob("sched_request_*.xml"):
            self._failed |= {one.name: one for one in failures(path.read_bytes())}
        logs = sorted(self._directory.glob("job_log_*.txt"))
        found = [one for path in logs for one in tasks(path.read_text("utf-8", "replace").splitlines())]
        known = {one.name for one in found}
        return (*found, *(one for name, one in self._failed.items() if name not in known))
