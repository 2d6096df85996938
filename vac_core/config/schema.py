"""The options of the core: [settings], [machinetype NAME] and [vacuum_pipe PREFIX], each declared once.

Names, defaults and meanings are those of Vac 3's vac.conf, so that a site's files work as they are. Options that
Vac 3 did not have are marked "New" in their text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from vac_core.config.read import decimal, matching
from vac_core.config.schema_machinetype import MachineType
from vac_core.config.schema_settings import Settings
from vac_core.options import option

__all__ = ["MACHINETYPE_NAME", "MachineType", "Settings", "Site", "VacuumPipe"]

MACHINETYPE_NAME = r"[a-z0-9](?:[a-z0-9-]{0,62})"
"""What a machinetype, a pipe's prefix and a pipe's suffix may be called."""


@attrs.frozen(kw_only=True)
class VacuumPipe:
    """A [vacuum_pipe PREFIX] section: machinetypes that a VO publishes as a document.

    Any option of a machinetype may stand here too, and is then the default of all that the pipe defines.
    """

    prefix: str
    """From the section's heading."""
    machinetype_defaults: Mapping[str, str] = attrs.field(factory=dict)
    """The machinetype options of the section, as text; secret ones are left out."""

    vacuum_pipe_url: str = option(
        "Where the document is.", matching(r"https?://\S+", "a URL that starts with https:// or http://")
    )
    target_share: float = option("The share that the pipe's machinetypes divide.", decimal(0.0), 0.0)


@attrs.frozen(kw_only=True)
class Site:
    """All that the site files and pipes say, read and checked."""

    settings: Settings
    machinetypes: Mapping[str, MachineType] = attrs.field(factory=dict)
    pipes: Mapping[str, VacuumPipe] = attrs.field(factory=dict)
    plugin_options: Mapping[str, Any] = attrs.field(factory=dict)
    """One value of each plugin's schema for its [plugin NAME] section, by NAME."""
    disabled: Mapping[str, str] = attrs.field(factory=dict)
    """Machinetypes that cannot be used, by name, each with the reason."""
