"""The pilot's files as the factory gets them, for machines that cannot; each machine compares their checksums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from vac_core.interfaces import PluginError
from vac_lhcb.inside.fetch import PILOT_FILES, SUMS
from vac_lhcb.options import LhcbMachine

FACTORY: Final = "factory"


def places(options: LhcbMachine) -> tuple[str, ...]:
    """Where the factory may look: URLs only, as a vacuum pipe may set them, and the host's files are none of its."""
    return tuple(url for url in options.dirac_pilot_urls if url.startswith(("http://", "https://")))


def pilot_files(options: LhcbMachine, fetch: Callable[[str], bytes]) -> Mapping[str, bytes]:
    """The files by name, from the first place that has them all; none where machines get them themselves.

    Raises `PluginError` where no place has them.
    """
    if options.dirac_pilot_fetch != FACTORY:
        return {}
    wanted = [name for name in PILOT_FILES if name != SUMS or options.dirac_pilot_checksums != "off"]
    reasons = []
    for url in places(options):
        try:
            return {name: fetch(f"{url.rstrip('/')}/{name}") for name in wanted}
        except PluginError as error:
            reasons.append(str(error))
    raise PluginError(f"dirac_pilot_urls: the pilot's files cannot be had: {'; '.join(reasons)}")
