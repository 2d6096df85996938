"""All that a factory is given: real things in the daemon, fakes in `vac_core.testing`."""

from __future__ import annotations

import random as random_module
from collections.abc import Callable

import attrs

from vac_core.config.schema import Settings
from vac_core.factory.calls import Calls
from vac_core.factory.crew import Crew
from vac_core.factory.host import Host
from vac_core.factory.journal import Journal
from vac_core.factory.site_source import SiteSource
from vac_core.factory.state_dir import StateDir


@attrs.frozen(kw_only=True)
class Surroundings:
    """Whatever of the world a factory touches."""

    name: str
    state: StateDir
    journal: Journal
    source: SiteSource
    crew: Crew
    host: Host
    calls: Calls
    clock: Callable[[], float]
    random: random_module.Random
    fetch: Callable[[str, Settings], bytes]
    service_url: Callable[[], str]
    """Where guests find the factory's HTTP service, with no slash at the end."""
