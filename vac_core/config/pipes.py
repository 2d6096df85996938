"""Vacuum pipes: the JSON document in which a VO publishes its machinetypes, read as the hostile input that it may be.

There is no public specification. The format is that of Vac 3's vac.conf(5), VACUUM PIPES: an object with
``cache_seconds`` and a list ``machinetypes``, each an object with a ``suffix`` and options of a machinetype. What is
wrong with one machinetype is wrong with that one alone; only what is no vacuum pipe at all is refused as a whole.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, Never

import attrs

from vac_core.config.pipe_entries import PipeEntry, entry
from vac_core.config.schema import MACHINETYPE_NAME

DEFAULT_CACHE_SECONDS: Final = 3600
_CACHE_SECONDS: Final = (1, 7 * 86400)
_MOST_MACHINETYPES: Final = 100
_SUFFIX: Final = re.compile(MACHINETYPE_NAME)


class PipeError(Exception):
    """A document is no vacuum pipe. The message says what is wrong with it."""


@attrs.frozen(kw_only=True)
class PipeDocument:
    """A vacuum pipe's machinetypes by suffix."""

    cache_seconds: int = DEFAULT_CACHE_SECONDS
    entries: Mapping[str, PipeEntry] = attrs.field(factory=dict)
    left_out: tuple[str, ...] = ()
    """What else the document holds that cannot be used, one text each."""

    def share(self, suffix: str, of: float) -> float:
        """The part of the pipe's own target share that a machinetype is given."""
        total = sum(one.target_share for one in self.entries.values())
        part = self.entries[suffix].target_share / total if total > 0 else 0.0
        return of * part if math.isfinite(part) else 0.0


def parse(document: bytes) -> PipeDocument:
    """Read a vacuum pipe. Raises `PipeError` where it is none, and nothing else whatever it is given."""
    content = _object(document)
    listed = content.get("machinetypes")
    if not isinstance(listed, list):
        raise PipeError("it has no list of machinetypes")
    if len(listed) > _MOST_MACHINETYPES:
        raise PipeError(f"it has {len(listed)} machinetypes: the most is {_MOST_MACHINETYPES}")
    entries: dict[str, PipeEntry] = {}
    cache_seconds, left_out = _cache_seconds(content.get("cache_seconds", DEFAULT_CACHE_SECONDS))
    for number, item in enumerate(listed, start=1):
        suffix = item.get("suffix") if isinstance(item, dict) else None
        if not isinstance(suffix, str) or _SUFFIX.fullmatch(suffix) is None:
            left_out.append(f"machinetype {number} has no suffix of lower-case letters, digits and hyphens")
        elif suffix in entries:
            left_out.append(f"machinetype {number} has the same suffix as another: {suffix}")
        else:
            entries[suffix] = entry(item)
    return PipeDocument(cache_seconds=cache_seconds, entries=entries, left_out=tuple(left_out))


def _object(document: bytes) -> dict[str, Any]:
    try:
        content = json.loads(document.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        start = document.lstrip()[:1]
        what = "it is HTML, not JSON" if start == b"<" else f"it is not JSON: {error}"
        raise PipeError(what) from None
    if not isinstance(content, dict):
        raise PipeError("it is not a JSON object")
    return content


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no number")


def _cache_seconds(value: Any) -> tuple[int, list[str]]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DEFAULT_CACHE_SECONDS, [f"cache_seconds is not a number, so {DEFAULT_CACHE_SECONDS} is taken"]
    least, most = _CACHE_SECONDS
    return int(min(max(value, least), most)), []
