"""Images for machines: at once where they are here and fresh, in the background where they are not.

Nothing here waits for a registry but a job's own thread, so that a host with a slow one still makes other machines.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from vac_core.images import Fetching, ImageCache, Ready, Refused
from vac_core.interfaces import PluginError
from vac_docker.engine import Engine
from vac_docker.fetcher import Brought, Fetcher
from vac_docker.freshness import Freshness, freshness
from vac_docker.image_book import Held, Image, ImageBook
from vac_docker.pull import Bounds
from vac_docker.pull_progress import PullProgress
from vac_docker.source import Archive, Registry, Source

_log = logging.getLogger(__name__)

_FIRST_RETRY: Final = 30.0
_LONGEST_RETRY: Final = 1800.0
_MOMENT_SECONDS: Final = 2.0
"""Long enough for any engine to say that an image is here; waited once for each."""


@attrs.define
class Job:
    """One image on its way to the engine."""

    source: Source
    rule: str
    progress: PullProgress = attrs.field(factory=PullProgress)
    over: threading.Event = attrs.field(factory=threading.Event)
    problem: str = ""
    asked: bool = False
    """Whether somebody has waited a moment for it already."""


@attrs.frozen
class Failure:
    """Why an image could not be had lately."""

    reason: str
    again: float
    """When it may be tried again, by the monotonic clock."""
    wait: float


class Images:
    """The images of one engine. ``news()`` is called, from a thread, when a job is over."""

    def __init__(
        self, engine: Engine, cache: ImageCache, book: ImageBook, bounds: Callable[[], Bounds], news: Callable[[], None]
    ) -> None:
        self._fetcher = Fetcher(engine, cache, book.directory)
        self._cache = cache
        self.book = book
        self._bounds = bounds
        self._news = news
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._failures: dict[str, Failure] = {}
        self._wanted: dict[str, float] = {}

    def jobs(self) -> dict[str, PullProgress]:
        """How far each image has come that is on its way, by its name."""
        with self._lock:
            return {str(job.source): job.progress for job in self._jobs.values()}

    def known(self, source: Source) -> Image | None:
        """What is held of it, whether or not it is fresh."""
        held = self.book.get(key_of(source))
        return None if held is None else held.image

    def forgive(self) -> None:
        """Let what failed be tried again at once."""
        with self._lock:
            self._failures.clear()

    def wanted_since(self, moment: float) -> set[str]:
        """Keys of images that were asked for since then, by the monotonic clock."""
        with self._lock:
            return {key for key, when in self._wanted.items() if when >= moment}

    def refusal(self, source: Source, rule: str) -> str | None:
        """Why no machine can be made of it now; None where one can. Quick: what takes long is begun, and told of."""
        if isinstance(source, Archive) and source.remote and (reason := self._not_fetched(source)):
            return reason
        key = key_of(source)
        self._wanted[key] = time.monotonic()
        state = freshness(source, rule, self.book.get(key), time.time())
        if state is Freshness.FRESH:
            return None
        failure = self._failures.get(key)
        if failure is None or time.monotonic() >= failure.again:
            job = self._begin(key, source, rule)
            if job.over.wait(0.0 if job.asked else _MOMENT_SECONDS):
                return self.refusal(source, rule)
            job.asked = True
        return None if state is Freshness.DUE else self._reason(key, source)

    def _not_fetched(self, source: Archive) -> str | None:
        state = self._cache.state(source.where, source.sha256)
        return None if isinstance(state, Ready) else state.reason if isinstance(state, Fetching | Refused) else None

    def _reason(self, key: str, source: Source) -> str:
        with self._lock:
            job, failure = self._jobs.get(key), self._failures.get(key)
        if failure is not None:
            return f"{failure.reason} (it is tried again within {failure.wait:.0f} s)"
        verb = "pulled" if isinstance(source, Registry) else "loaded"
        return f"image {source} is being {verb}: {job.progress if job is not None else '100 %'}"

    def get(self, source: Source, rule: str, seconds: float) -> Image:
        """The image to make a machine of, waiting no longer than this for it; raises `PluginError`."""
        key = key_of(source)
        held = self.book.get(key)
        here = held is not None and self._fetcher.here(held.image.image_id) is not None
        if not here or freshness(source, rule, held, time.time(), creating=True) is Freshness.STALE:
            held = self._waited(key, source, rule, seconds)
        if held is None:
            raise PluginError(f"image {source} is not here: see the engine's log")
        self.book.used(key)
        return held.image

    def _waited(self, key: str, source: Source, rule: str, seconds: float) -> Held | None:
        job = self._begin(key, source, rule)
        if not job.over.wait(seconds):
            raise PluginError(self._reason(key, source))
        if job.problem:
            raise PluginError(job.problem)
        return self.book.get(key)

    def _begin(self, key: str, source: Source, rule: str) -> Job:
        """The job that brings it, which may be under way already."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Job(source, rule)
                threading.Thread(target=self._run, args=(key, job), name="vac-docker-image", daemon=True).start()
            return job

    def _run(self, key: str, job: Job) -> None:
        try:
            brought = self._bring(key, job)
            self.book.checked(key, brought.image, ours=brought.ours)
        except PluginError as problem:
            job.problem = str(problem)
        except Exception as problem:  # noqa: BLE001 - the job must end, whatever a library raises
            _log.exception("image %s", job.source)
            job.problem = f"image {job.source} cannot be had: {type(problem).__name__}: {problem}"
        with self._lock:
            self._note(key, job.problem)
            del self._jobs[key]
        job.over.set()
        self._news()

    def _bring(self, key: str, job: Job) -> Brought:
        source = job.source
        if isinstance(source, Archive):
            return self._fetcher.loaded(source, self._bounds())
        if not source.remote or job.rule == "missing":
            image = self._fetcher.here(str(source.name), source.name.repository)
            # What somebody else pulled may be secret: a VO's machinetype must get it from the registry by itself.
            if image is not None and (source.trusted or self.book.get(key) is not None):
                return Brought(image=image, ours=False)
        if not source.remote:
            raise PluginError(f"image {source} is not here, and no registry has it: build it or load it on this host")
        return self._fetcher.pulled(source, self._bounds(), lambda progress: setattr(job, "progress", progress))

    def _note(self, key: str, problem: str) -> None:
        before = self._failures.pop(key, None)
        if problem:
            wait = _FIRST_RETRY if before is None else min(2 * before.wait, _LONGEST_RETRY)
            self._failures[key] = Failure(problem, time.monotonic() + wait, wait)
            _log.warning("%s", problem)


def key_of(source: Source) -> str:
    """Under what an image is remembered: who may have it is told by the credentials that it is asked for with."""
    if isinstance(source, Archive):
        pinned = "" if source.sha256 is None else f" of sha256 {source.sha256}"
        return f"archive {source.where}{'' if source.remote else _version(source.where)}{pinned}"
    return f"{source.name} with {source.auth_file or 'no credentials'}{'' if source.trusted else ' for a pipe'}"


def _version(path: str) -> str:
    """What changes when a file does."""
    try:
        about = Path(path).stat()
    except OSError:
        return ""  # that it is not there is said when it is opened
    return f" {about.st_mtime_ns} {about.st_size}"
