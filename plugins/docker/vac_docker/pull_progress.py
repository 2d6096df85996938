"""How far the pulling of an image has come, from what an engine tells of it, one line of JSON after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

_HERE: Final = frozenset({"Pull complete", "Already exists"})
_COME: Final = frozenset({"Download complete", "Verifying Checksum", "Extracting"})


@attrs.define
class _Layer:
    octets: int = 0
    total: int = 0
    done: bool = False


@attrs.define
class PullProgress:
    """Adds up the layers. Totals are those of the layers whose size has been told so far."""

    _layers: dict[str, _Layer] = attrs.field(factory=dict)

    def take(self, told: Mapping[str, Any]) -> None:
        """Take in one line. What has no id, or is not about a layer, changes nothing."""
        status, layer_id = told.get("status"), told.get("id")
        if not isinstance(layer_id, str) or not isinstance(status, str) or status.startswith("Pulling from"):
            return
        layer = self._layers.setdefault(layer_id, _Layer())
        detail = told.get("progressDetail") or {}
        current, total = detail.get("current"), detail.get("total")
        if status == "Downloading" and isinstance(current, int):
            layer.octets = current
            layer.total = max(total if isinstance(total, int) else 0, layer.total, current)
        elif status in _COME:
            layer.octets = layer.total
        elif status in _HERE:
            layer.done, layer.octets = True, layer.total

    @property
    def octets(self) -> int:
        """How many have come."""
        return sum(layer.octets for layer in self._layers.values())

    @property
    def total(self) -> int:
        """How many there are, as far as is known."""
        return sum(layer.total for layer in self._layers.values())

    @property
    def part(self) -> float:
        """From 0 to 1: each layer counts alike, whole when it is unpacked, and nine tenths when it has come."""
        if not self._layers:
            return 0.0
        return sum(_part(layer) for layer in self._layers.values()) / len(self._layers)

    def __str__(self) -> str:
        return f"{int(100 * self.part)} %"


def _part(layer: _Layer) -> float:
    if layer.done:
        return 1.0
    return 0.9 * layer.octets / layer.total if layer.total else 0.0
