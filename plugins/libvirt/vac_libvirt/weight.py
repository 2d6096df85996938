"""What a virtual machine weighs when processors are short, by the measure of the host's cgroups.

libvirt hands the figure on as it is (https://libvirt.org/formatdomain.html, ``cputune``): version 1 has shares, 1024 of
which any program has, and version 2 a weight, which is 100 for any program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_UNIFIED: Final = Path("/sys/fs/cgroup/cgroup.controllers")
_NORMAL: Final = 100
_NORMAL_SHARES: Final = 1024
_SHARES: Final = range(2, 262144 + 1)
_WEIGHTS: Final = range(1, 10000 + 1)


def cpu_shares(processors: int, weight: int, *, unified: bool | None = None) -> int | None:
    """For so many processors of this weight; None for machines that weigh as much as any program.

    ``unified`` says whether the host has version 2 alone; it is looked at where that is not said.
    """
    if weight == _NORMAL:
        return None
    whole = processors * weight
    if _UNIFIED.exists() if unified is None else unified:
        return _within(_WEIGHTS, whole)
    return _within(_SHARES, whole * _NORMAL_SHARES // _NORMAL)


def _within(bounds: range, value: int) -> int:
    return max(bounds[0], min(value, bounds[-1]))
