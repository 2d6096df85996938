"""What the space's other factories say: polled in the background, so that no decision waits for a peer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from vac_core.config.schema import Settings
from vac_core.interfaces import PeerFinder
from vac_core.model import FactoryReport, TypeReport

_log = logging.getLogger(__name__)

LEAST_SECONDS_BETWEEN_POLLS: Final = 1.0
"""However many hints arrive, the space is not asked more often than this."""

_PATIENCE: Final = 2.0
"""A peer finder keeps to udp_timeout_seconds by itself; one that takes so many times as long is given up."""

_POLLS_KEPT: Final = 2.5
"""A factory that stays silent is believed to be as it was for so many poll intervals, then counts for nothing."""


class PeerKeeper:
    """Gathers reports through the peer finders in use and keeps the latest of each factory."""

    def __init__(
        self,
        finders: Sequence[PeerFinder],
        settings: Callable[[], Settings],
        clock: Callable[[], float],
        news: Callable[[], None],
    ) -> None:
        self._finders = finders
        self._settings = settings
        self._clock = clock
        self._news = news
        self._reports: dict[str, FactoryReport] = {}
        self._silent: dict[str, list[str]] = {}
        self._hint = asyncio.Event()
        self._first = asyncio.Event()
        self.polled: float | None = None
        self.troubles: dict[str, str] = {}

    def hint(self) -> None:
        """Something has changed at a peer: poll soon."""
        self._hint.set()

    async def first_view(self) -> None:
        """Wait until the peers were asked once."""
        await self._first.wait()

    async def run(self) -> None:
        """Poll for ever, at the site's interval or sooner on a hint."""
        while True:
            await self.poll()
            await asyncio.sleep(LEAST_SECONDS_BETWEEN_POLLS)
            rest = max(0.0, self._settings().poll_seconds - LEAST_SECONDS_BETWEEN_POLLS)
            try:
                async with asyncio.timeout(rest):
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def poll(self) -> None:
        """Ask all peers once."""
        self._hint.clear()
        for finder in self._finders:
            try:
                async with asyncio.timeout(self._deadline()):
                    reports = list(await finder.gather())
                checked = {_checked(report).factory: report for report in reports}
                self._silent[finder.name] = sorted(map(str, finder.silent()))
                self._reports.update(checked)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a peer finder that fails leaves the factory to decide alone
                self._trouble(finder.name, error)
                continue
            self.troubles.pop(finder.name, None)
        self.polled = self._clock()
        self._first.set()
        self._news()

    def _deadline(self) -> float:
        return _PATIENCE * self._settings().udp_timeout_seconds

    def _trouble(self, name: str, error: BaseException) -> None:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if self.troubles.get(name) != what:
            _log.warning("peer finder %s could not gather: %s", name, what)
        self.troubles[name] = what

    async def announce(self) -> None:
        """Let the peers know that something has changed here."""
        for finder in self._finders:
            try:
                async with asyncio.timeout(self._deadline()):
                    await finder.announce()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - peers will learn of it at their next poll
                _log.warning("peer finder %s could not announce: %s", finder.name, error)

    async def close(self) -> None:
        """Have every finder stop answering, whatever another does."""
        for finder in self._finders:
            try:
                async with asyncio.timeout(self._deadline()):
                    await finder.close()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the daemon stops all the same
                _log.warning("peer finder %s could not be closed: %s", finder.name, str(error) or type(error).__name__)

    def reports(self, now: float) -> list[FactoryReport]:
        """The latest report of each factory that was heard recently."""
        oldest = now - _POLLS_KEPT * max(self._settings().poll_seconds, LEAST_SECONDS_BETWEEN_POLLS)
        self._reports = {name: report for name, report in self._reports.items() if report.received >= oldest}
        return list(self._reports.values())

    def shift(self, seconds: float) -> None:
        """The clock was set: what was heard stays as old as it is."""
        self._reports = {
            name: attrs.evolve(report, received=report.received + seconds) for name, report in self._reports.items()
        }

    def silent(self) -> list[str]:
        """Factories that ought to have answered the latest poll and did not."""
        return sorted({name for names in self._silent.values() for name in names})


def _checked(report: FactoryReport) -> FactoryReport:
    if not isinstance(report, FactoryReport):
        raise TypeError(f"it gathered {type(report).__name__}, not FactoryReport")
    if not isinstance(report.factory, str) or not isinstance(report.received, int | float):
        raise TypeError(f"a report is of factory {report.factory!r}, received {report.received!r}")
    if not all(isinstance(one, TypeReport) for one in report.types.values()):
        raise TypeError(f"the report of {report.factory} holds what is no TypeReport")
    return report
