"""Whether DIRAC has banned a site: a pilot cannot tell that from an empty queue, so who knows is asked now and then."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, Final

import attrs

from vac_core.builtin.site_files import SiteFileError, read_site_file
from vac_core.config.problems import public_url
from vac_core.config.schema import MachineType
from vac_core.interfaces import PluginError
from vac_lhcb.diracx_access import LhcbPlugin
from vac_lhcb.options import machine_options

_log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 300.0
"""How long an answer, or that there was none, is good for."""
DEADLINE_SECONDS: Final = 5.0
"""For all sources together: a decision waits for them."""
MOST_BYTES: Final = 4194304
_REASON_MAX: Final = 200


@attrs.frozen(kw_only=True)
class _Answer:
    asked: float
    reasons: Mapping[str, str] = attrs.field(factory=dict)
    """Why each site that is banned is."""


class SiteStatus:
    """Remembers what each ``dirac_site_status`` last said. One that does not answer, or nonsense, bans nobody."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._answers: dict[str, _Answer] = {}

    def bans(self, machinetypes: Iterable[MachineType], plugin: LhcbPlugin) -> Mapping[str, str]:
        """The machinetypes whose site is banned, each with what to do about it."""
        options = {one.name: machine_options(one) for one in machinetypes}
        asked = {one.dirac_site_status for one in options.values() if one.dirac_site_status}
        self._refresh([source for source in sorted(asked) if self._is_old(source)], plugin)
        found = {}
        for name, one in options.items():
            source = one.dirac_site_status
            reason = self._answers[source].reasons.get(one.dirac_site or "") if source else None
            if reason is not None:
                found[name] = (
                    f"400 Site banned in DIRAC: {public_url(source or '')} says of {one.dirac_site}: '{reason}': "
                    "the VO's operations team lifts a ban"
                )
        return found

    def _is_old(self, source: str) -> bool:
        known = self._answers.get(source)
        return known is None or self._ticks() - known.asked >= AGAIN_SECONDS

    def _refresh(self, sources: Iterable[str], plugin: LhcbPlugin) -> None:
        asked = {source: _begin(source, plugin) for source in sources}
        wait(asked.values(), DEADLINE_SECONDS)
        for source, answer in asked.items():
            try:
                reasons = banned(answer.result(timeout=0))
            except TimeoutError:
                reasons = _none(source, f"there was no answer within {DEADLINE_SECONDS:g} s")
            except (PluginError, SiteFileError, ValueError) as error:
                reasons = _none(source, str(error))
            self._answers[source] = _Answer(asked=self._ticks(), reasons=reasons)


def _none(source: str, why: str) -> Mapping[str, str]:
    _log.warning("dirac_site_status %s: %s: no site is taken for banned", public_url(source), why)
    return {}


def _begin(source: str, plugin: LhcbPlugin) -> Future[bytes]:
    """Ask in a thread of its own, which may outlive the deadline: a name's look-up cannot be broken off."""
    answer: Future[bytes] = Future()
    threading.Thread(target=_ask, args=(source, plugin, answer), name="vac-lhcb-status", daemon=True).start()
    return answer


def _ask(source: str, plugin: LhcbPlugin, answer: Future[bytes]) -> None:
    try:
        if source.startswith("/"):
            answer.set_result(read_site_file(Path(source), MOST_BYTES))
            return
        from vac_lhcb.diracx_http import ask  # noqa: PLC0415 - so that a command's help is quick

        answer.set_result(ask(plugin, source, DEADLINE_SECONDS, MOST_BYTES))
    except Exception as error:  # noqa: BLE001 - it is the asker's, whatever it is
        answer.set_exception(error)


def banned(document: bytes) -> Mapping[str, str]:
    """Why each site that is banned is, as DiracX's ``/api/rss/site`` tells. Raises `ValueError` for anything else.

    The form is ``{SITE: {"all": {"allowed": false, "reason": TEXT}}}``, with other sites ``"allowed": true``.
    """
    try:
        sites = json.loads(document)
        return {site: _reason(told["all"]) for site, told in sites.items() if told["all"]["allowed"] is False}
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        raise ValueError("the answer is not what DiracX tells of sites at /api/rss/site: look at the address") from None


def _reason(told: Mapping[str, Any]) -> str:
    """What is shown of a reason: it is somebody else's text."""
    text = " ".join(str(told.get("reason") or "no reason given").split())
    return "".join(letter for letter in text if letter.isprintable())[:_REASON_MAX]
