"""The site's rules for images, from its [settings], in octets and seconds."""

from __future__ import annotations

from typing import Final

import attrs

from vac_core.config.schema import Settings

GB: Final = 10**9
_DAY: Final = 86400.0
_MIB: Final = 2**20

RETRY_SECONDS: Final = 60.0
"""A URL that failed is left alone for so long."""


@attrs.frozen(kw_only=True)
class Rules:
    """What the options of [settings] come to."""

    cache_octets: int
    max_octets: int
    keep_free_octets: int
    unused_seconds: float
    deadline_seconds: float
    check_seconds: float
    stale_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The rules as the settings have them now."""
        return cls(
            cache_octets=round(settings.image_cache_gb * GB),
            max_octets=round(settings.image_max_gb * GB),
            keep_free_octets=settings.min_disk_free_mb * _MIB,
            unused_seconds=settings.image_cache_days * _DAY,
            deadline_seconds=settings.image_timeout_seconds,
            check_seconds=settings.image_check_seconds,
            stale_seconds=settings.image_max_stale_seconds,
        )
