"""Options that a daemon reads only once: when they change in the site files, it says that it must be started again."""

from __future__ import annotations

from typing import Final

from vac_core.config.schema import Settings

READ_ONCE: Final = (
    "vac_space",
    "factory_name",
    "policies",
    "peer_finders",
    "block_plugins",
    "http_address",
    "http_port",
)


def wants_restart(at_start: Settings, now: Settings) -> str | None:
    """A line that names the options which are not yet in force; None where all are."""
    changed = [name for name in READ_ONCE if getattr(at_start, name) != getattr(now, name)]
    if not changed:
        return None
    return f"[settings] {', '.join(changed)}: changed since this daemon started: restart it, its machines will go on"
