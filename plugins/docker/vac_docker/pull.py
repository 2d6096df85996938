"""Pulling an image from its registry, within a deadline and a size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from vac_core.interfaces import PluginError
from vac_docker.credentials import CredentialsError, credentials
from vac_docker.engine import Engine
from vac_docker.errors import asking, mend_of
from vac_docker.pull_progress import PullProgress
from vac_docker.source import Registry

_SILENCE_SECONDS: Final = 300.0
"""Silence after which a pull is given up: an engine tells of each layer several times a second."""
_GB: Final = 10**9


@attrs.frozen(kw_only=True)
class Bounds:
    """How much a pull may take."""

    seconds: float
    max_gb: int


def pull(engine: Engine, source: Registry, bounds: Bounds, told: Callable[[PullProgress], None]) -> None:
    """Have the engine pull it; raises `PluginError`, whose message never shows credentials."""
    progress = PullProgress()
    deadline = time.monotonic() + bounds.seconds
    client = engine.client(timeout=min(_SILENCE_SECONDS, bounds.seconds))
    try:
        with asking(f"pulling the image {source}", engine.socket):
            for line in client.pull(
                source.name.repository,
                tag=source.name.version,
                stream=True,
                decode=True,
                auth_config=dict(_credentials(source)),  # empty, not None: the factory's own are none of a VO's
            ):
                _refuse(source, line, progress, bounds)
                progress.take(line)
                told(progress)
                if time.monotonic() > deadline:
                    raise PluginError(
                        f"the image {source} did not come within {bounds.seconds:.0f} s ({progress} had): "
                        "see what slows it, or raise image_seconds in [plugin docker]"
                    )
    finally:
        client.close()  # an engine gives up a pull for which nobody waits


def _credentials(source: Registry) -> Mapping[str, str]:
    if source.auth_file is None:
        return {}
    try:
        return credentials(source.auth_file, source.name.host)
    except CredentialsError as problem:
        raise PluginError(f"the image {source} is not asked for: docker_auth_file: {problem}") from None


def _refuse(source: Registry, line: Mapping[str, Any], progress: PullProgress, bounds: Bounds) -> None:
    said = line.get("error") or (line.get("errorDetail") or {}).get("message")
    if said:
        said = " ".join(str(said).split())
        raise PluginError(f"the image {source} cannot be pulled: the engine says: {said}: {mend_of(said)}")
    if progress.total > bounds.max_gb * _GB:
        raise PluginError(
            f"the image {source} is larger than {bounds.max_gb} GB: "
            "make it smaller, or raise image_max_gb in [plugin docker]"
        )
