"""Fetching for contextualisers: within the site's deadline and size limit."""

from __future__ import annotations

from vac_core.config.schema import Settings
from vac_core.fetch import fetch
from vac_core.interfaces import PluginError

_MIB = 1048576


def fetch_for(url: str, settings: Settings) -> bytes:
    """The content of an http(s) URL; raises `PluginError`."""
    fetched = fetch(url, deadline_seconds=settings.fetch_timeout_seconds, max_bytes=settings.fetch_max_mb * _MIB)
    if fetched.body is None:
        raise PluginError(f"{url} gave no content")
    return fetched.body
