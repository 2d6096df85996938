"""Vacuum pipes as they are now: fetched when they are due, and kept through outages, nonsense and restarts."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import attrs

from vac_core.config.pipes import PipeDocument, PipeError
from vac_core.config.problems import public_url
from vac_core.config.schema import Settings, VacuumPipe
from vac_core.factory.pipe_files import Kept, PipeFiles
from vac_core.factory.state_dir import StateDir
from vac_core.fetch import Fetched, FetchError, fetch

RETRY_SECONDS: Final = 60.0
"""After a failure a pipe is not asked for again sooner than this, or than its cache_seconds if those are fewer."""

_MIB: Final = 1048576
_AT_ONCE: Final = 8


class Fetch(Protocol):
    """How a URL is fetched: `vac_core.fetch.fetch`, or a test's stand-in."""

    def __call__(
        self, url: str, *, deadline_seconds: float, max_bytes: int, etag: str | None, last_modified: str | None
    ) -> Fetched:
        """Get it, or raise `FetchError`."""


@attrs.frozen(kw_only=True)
class _Pipe:
    """What is known of one pipe."""

    url: str
    kept: Kept | None
    tried: float | None = None
    """When it was last asked for in vain; None after a success."""
    problem: str = ""

    def due(self, now: float) -> bool:
        """Whether to ask for it; a clock that was put back makes it due too."""
        lasts = self.kept.document.cache_seconds if self.kept else RETRY_SECONDS
        if self.tried is not None:
            return not 0 <= now - self.tried < min(RETRY_SECONDS, lasts)
        return self.kept is None or not 0 <= now - self.kept.checked < lasts


class PipeCache:
    """The site's vacuum pipes. Its methods block, and are called by one thread at a time."""

    def __init__(self, state_dir: Path, fetch: Fetch = fetch) -> None:
        self._files = PipeFiles(StateDir(state_dir).pipes_cache)
        self._fetch = fetch
        self._pipes: dict[str, _Pipe] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """What went wrong when pipes were last asked for, one text for each pipe that it concerns."""
        return tuple(pipe.problem for pipe in self._pipes.values() if pipe.problem)

    def documents(self, pipes: Mapping[str, VacuumPipe], now: float, settings: Settings) -> Mapping[str, PipeDocument]:
        """The document of each pipe that has one, by prefix; those that are due are asked for, all at a time."""
        self._pipes = {prefix: self._known(prefix, pipe.vacuum_pipe_url) for prefix, pipe in pipes.items()}
        due = [prefix for prefix, pipe in self._pipes.items() if pipe.due(now)]
        if due:
            with ThreadPoolExecutor(min(_AT_ONCE, len(due)), thread_name_prefix="vac-pipe") as threads:
                renewed = threads.map(lambda prefix: self._renewed(prefix, self._pipes[prefix], now, settings), due)
                self._pipes.update(zip(due, renewed, strict=True))
        return {prefix: pipe.kept.document for prefix, pipe in self._pipes.items() if pipe.kept is not None}

    def _known(self, prefix: str, url: str) -> _Pipe:
        known = self._pipes.get(prefix)
        if known is not None and known.url == url:
            return known
        kept = self._files.read(prefix)
        return _Pipe(url=url, kept=kept if kept is not None and kept.url == url else None)

    def _renewed(self, prefix: str, pipe: _Pipe, now: float, settings: Settings) -> _Pipe:
        try:
            kept = self._fetched(pipe, now, settings)
        except (FetchError, PipeError) as error:
            return attrs.evolve(pipe, tried=now, problem=_failure(prefix, pipe, error))
        problem = ""
        if pipe.kept is None or kept.body != pipe.kept.body:
            try:
                self._files.write(prefix, kept)
            except OSError as error:
                where = self._files.directory
                mend = "mend the directory, or make room"
                problem = f"vacuum pipe {prefix} cannot be kept in {where}: {error.strerror}: {mend}"
        return _Pipe(url=pipe.url, kept=kept, problem=problem)

    def _fetched(self, pipe: _Pipe, now: float, settings: Settings) -> Kept:
        fetched = self._fetch(
            pipe.url,
            deadline_seconds=settings.fetch_timeout_seconds,
            max_bytes=settings.fetch_max_mb * _MIB,
            etag=pipe.kept.etag if pipe.kept else None,
            last_modified=pipe.kept.last_modified if pipe.kept else None,
        )
        if fetched.body is None:
            if pipe.kept is None:
                raise FetchError(f"{public_url(pipe.url)} was not sent, though it was never asked for before")
            return attrs.evolve(pipe.kept, checked=now)
        return Kept(
            url=pipe.url,
            checked=now,
            body=fetched.body,
            etag=fetched.etag,
            last_modified=fetched.last_modified,
        )


def _failure(prefix: str, pipe: _Pipe, error: FetchError | PipeError) -> str:
    what = (
        str(error) if isinstance(error, FetchError) else f"what {public_url(pipe.url)} holds is no vacuum pipe: {error}"
    )
    if pipe.kept is None:
        return f"vacuum pipe {prefix}: {what}; there is no earlier copy, so its machinetypes are missing"
    when = datetime.fromtimestamp(pipe.kept.checked, UTC).isoformat(timespec="seconds")
    return f"vacuum pipe {prefix}: {what}; the copy of {when} stays in use"
