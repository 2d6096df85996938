"""The core's own policies; a site picks and orders them with ``policies`` in [settings]."""

from __future__ import annotations

from vac_core.builtin.policies.backoff import Backoff
from vac_core.builtin.policies.host_limits import HostLimits
from vac_core.builtin.policies.target_shares import TargetShares
from vac_core.builtin.policies.vac3 import Vac3
from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Policy


@hookimpl
def vac_policies() -> list[Policy]:
    """Offer ``host-limits``, ``backoff``, ``target-shares`` and ``vac3``."""
    return [HostLimits(), Backoff(), TargetShares(), Vac3()]
