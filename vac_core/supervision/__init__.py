"""Machines that are process groups under a supervisor of their own: what hypervisors of programs have in common.

A supervisor is no child that must be kept: it records how its program ended where a factory finds it that was started
again meanwhile. A machine is found by more than its pid, ended with all that it began, and held in a cgroup where the
factory may make one. A hypervisor subclasses `SupervisedHypervisor`, and says in a `Launch` what is to be started.
"""

from __future__ import annotations

from vac_core.supervision.cgroup import Cgroup
from vac_core.supervision.hypervisor import SupervisedHypervisor
from vac_core.supervision.launch import Launch
from vac_core.supervision.limits import Limits
from vac_core.supervision.record import MARKER
from vac_core.supervision.signal import Choice

__all__ = ["MARKER", "Cgroup", "Choice", "Launch", "Limits", "SupervisedHypervisor"]
