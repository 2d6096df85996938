"""What a machine is put together from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from vac_docker.values import Gpu


@attrs.frozen(kw_only=True)
class Parts:
    """What has been found or made for a machine before its container."""

    image_id: str
    user_data: str
    """Path on the host."""
    files: Mapping[str, str] = attrs.field(factory=dict)
    """Further files: path inside to path on the host."""
    volumes: Mapping[str, str] = attrs.field(factory=dict)
    """Scratch space: path inside to the volume's name."""
    gpus: Sequence[Gpu] = ()
    labels: Mapping[str, str] = attrs.field(factory=dict)
    layer_bytes: int | None = None
    """Most that it may write into its own layer, where the engine can hold it to that."""
