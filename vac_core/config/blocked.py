"""Which plugins the site blocks: read before any plugin is imported, so that a blocked one never is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vac_core.config.read import words
from vac_core.config.sources import read_site_file


def blocked_plugins(sources: Iterable[Path]) -> frozenset[str]:
    """The names in ``block_plugins`` of [settings]; of several such lines the last one counts.

    Whatever else stands in the files, right or wrong, is left to `vac_core.config.load`, and so is a file that cannot
    be read.
    """
    blocked: tuple[str, ...] = ()
    for path in sources:
        for setting in read_site_file(path).settings:
            if (setting.section, setting.option) == ("settings", "block_plugins"):
                blocked = words(setting.value)
    return frozenset(blocked)
