"""Where the factory gets its site from: files that may change at any time, and the last good reading of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from vac_core.config.load import Loaded, understand
from vac_core.config.pipes import PipeDocument
from vac_core.config.schema import Site
from vac_core.config.sections import Written
from vac_core.config.sources import contents, expand, fingerprint, read_site_file
from vac_core.factory.kept_files import KeptFiles
from vac_core.factory.pipes import PipeCache
from vac_core.interfaces import OptionSet

_log = logging.getLogger(__name__)

PIPES_LOOKED_AT_SECONDS: Final = 10.0
"""How often the pipe cache is asked; it fetches only what its own time has come for."""


class NoSiteError(Exception):
    """The site files cannot be used and there is no earlier reading; the message has a line for each problem."""


class SiteSource(Protocol):
    """What the factory asks for its site."""

    site: Site
    problems: tuple[str, ...]
    stale: bool
    """Whether the files as they are now are broken, so that an earlier reading is in force."""
    read_at: float

    def refresh(self, now: float, *, force: bool = False) -> bool:
        """Read again what has changed; say whether the site did. May block for as long as pipes take."""


class SiteFiles:
    """The site files and the pipes that they name.

    Where the files are broken when the daemon starts, ``kept`` has them as they last were good.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        option_sets: Sequence[OptionSet],
        pipes: PipeCache,
        machinetypes_dir: Path,
        now: float,
        kept: KeptFiles | None = None,
    ) -> None:
        self._paths = paths
        self._machinetypes_dir = machinetypes_dir
        self._option_sets = option_sets
        self._pipes = pipes
        self._kept = kept
        self._fingerprint: object = None
        self._pipes_looked_at = float("-inf")
        self.problems: tuple[str, ...] = ()
        self.stale = False
        self.read_at = now
        self.site = self._first(now)

    def _first(self, now: float) -> Site:
        files = self._read()
        loaded = self._load(files)
        if loaded.site is not None:
            self._keep()
            self.problems = tuple(str(problem) for problem in loaded.problems)
            return self._with_pipes(loaded.site, files, now) or loaded.site
        broken = tuple(str(problem) for problem in loaded.problems)
        files = self._kept.files(self._paths) if self._kept is not None else {}
        site = self._load(files).site if files else None
        if site is None:
            raise NoSiteError("\n".join(broken))
        site = self._with_pipes(site, files, now) or site
        self._keep_last_good(broken)
        return site

    def _read(self) -> dict[str, Written]:
        sources = expand(self._paths)
        self._fingerprint = fingerprint(sources)
        return {str(path): read_site_file(path) for path in sources}

    def _keep(self) -> None:
        """Have what is on disk outlive this daemon, unless it has changed since it was read."""
        if self._kept is not None:
            found = contents(self._paths)
            if fingerprint(expand(self._paths)) == self._fingerprint:
                self._kept.keep(self._paths, found)

    def _load(self, files: Mapping[str, Written], documents: Mapping[str, PipeDocument] | None = None) -> Loaded:
        return understand(files, self._option_sets, documents, machinetypes_dir=self._machinetypes_dir)

    def refresh(self, now: float, *, force: bool = False) -> bool:
        """Read the files again if they changed, and the pipes whose time has come."""
        changed = fingerprint(expand(self._paths)) != self._fingerprint
        # A clock that was set back makes pipes due too.
        pipes_due = bool(self.site.pipes) and not 0 <= now - self._pipes_looked_at < PIPES_LOOKED_AT_SECONDS
        if not (changed or pipes_due or force):
            return False
        before = self.site
        files = self._read()
        loaded = self._load(files)
        if loaded.site is None:
            self._keep_last_good(tuple(str(problem) for problem in loaded.problems))
            return False
        if changed or self.stale:
            self._keep()
        self.stale = False
        self.read_at = now
        self.problems = tuple(str(problem) for problem in loaded.problems)
        self.site = self._with_pipes(loaded.site, files, now) or loaded.site
        return self.site != before

    def _with_pipes(self, site: Site, files: Mapping[str, Written], now: float) -> Site | None:
        """The site with the machinetypes of its pipes."""
        if not site.pipes:
            return site
        self._pipes_looked_at = now
        documents = self._pipes.documents(site.pipes, now, site.settings)
        loaded = self._load(files, documents)
        self.problems = (*(str(problem) for problem in loaded.problems), *self._pipes.problems)
        return loaded.site

    def _keep_last_good(self, problems: tuple[str, ...]) -> None:
        news = problems != self.problems or not self.stale
        self.stale = True
        self.problems = problems
        if news:
            _log.error("the site files are broken, so the last good reading stays in force:\n%s", "\n".join(problems))


class FixedSite:
    """A site that is given as a value: for tests and simulations. Assign `site` to change it."""

    def __init__(self, site: Site, now: float = 0.0) -> None:
        self.site = site
        self.problems: tuple[str, ...] = ()
        self.stale = False
        self.read_at = now
        self._given = site

    def refresh(self, now: float, *, force: bool = False) -> bool:
        """Say whether another site was assigned."""
        changed = self._given is not self.site
        self._given = self.site
        if changed or force:
            self.read_at = now
        return changed
