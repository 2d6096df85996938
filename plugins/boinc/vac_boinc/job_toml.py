"""Reading ``job.toml``: what a BOINC application for containers asks (samples/docker_wrapper/docker_wrapper.cpp)."""

from __future__ import annotations

import logging
import tomllib
from typing import Any, Final

import attrs

from vac_boinc.vbox_job import MOST_OCTETS, JobError

_log = logging.getLogger(__name__)

_KINDS: Final = {
    "workdir": str,
    "project_dir_mount": str,
    "image_name": str,
    "build_args": str,
    "create_args": str,
    "use_gpu": bool,
    "web_graphics_guest_port": int,
    "verbose": int,
    "mount": list,
    "portmap": list,
}


@attrs.frozen(kw_only=True)
class ContainerJob:
    """The parts that a factory heeds. Arguments for an engine are the application's wish, and no site's word."""

    workdir: str = "/app"
    """Where the application finds its files, and leaves its own."""
    image_name: str = ""


def parse(raw: bytes) -> ContainerJob:
    """Read a ``job.toml``. Raises `JobError`."""
    if len(raw) > MOST_OCTETS:
        raise JobError(f"it is larger than {MOST_OCTETS} octets: it cannot be a job.toml")
    try:
        told: dict[str, Any] = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise JobError(f"it is not TOML: {error}") from None
    for name, value in told.items():
        if name not in _KINDS:
            _log.warning("job.toml: %s is not known, and left out", name)
        elif not isinstance(value, _KINDS[name]):
            raise JobError(f"{name}: {value!r} is no {_KINDS[name].__name__}")
    job = ContainerJob(**{name: told[name] for name in ("workdir", "image_name") if name in told})
    if not job.workdir.startswith("/") or ".." in job.workdir.split("/") or "\0" in job.workdir:
        raise JobError(f"workdir: {job.workdir!r} is no absolute path")
    if told.get("use_gpu"):
        raise JobError("use_gpu: machines get GPUs from their hypervisor's own options: leave it out here")
    return job
