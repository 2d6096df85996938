"""Credentials for registries, from a file as ``docker login`` writes it. Their values are never shown or logged."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_LARGEST: Final = 1048576
_OTHERS: Final = 0o077
_HUB: Final = "docker.io"


class CredentialsError(ValueError):
    """A file of credentials cannot be used; the message says why and the mend, and shows nothing that is in it."""


def credentials(path: str, host: str) -> Mapping[str, str]:
    """What a registry is to be shown: for the API's ``X-Registry-Auth``; empty where the file has nothing for it."""
    try:
        with Path(path).open("rb") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()))
            raw = file.read(_LARGEST)
    except OSError as problem:
        raise CredentialsError(f"{path}: {problem.strerror}: make it a file that the factory may read") from None
    import docker.auth  # noqa: PLC0415 - large, and of use to few machinetypes

    found = docker.auth.AuthConfig({"auths": _entries(path, raw)}).resolve_authconfig(host)
    return {str(key): str(value) for key, value in (found or {}).items() if value is not None}


def _refuse_open_to_others(path: str, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise CredentialsError(f"{path} is no plain file: make it one, as docker login does")
    if about.st_mode & _OTHERS:
        raise CredentialsError(f"{path} may be read by others: run chmod 600 on it")
    if about.st_uid not in {0, os.geteuid()}:
        raise CredentialsError(f"{path} belongs to another user: let root or the factory's user own it")


def _entries(path: str, raw: bytes) -> dict[str, Any]:
    """Each registry's part, checked."""
    import docker.auth  # noqa: PLC0415 - as above
    import docker.errors  # noqa: PLC0415 - as above

    try:
        document = json.loads(raw)
        auths = document.get("auths") or {}
        if not document.keys() & {"auths", "credHelpers", "credsStore"}:
            auths = document
        # Checked one by one, so that what the library raises for one says nothing of the rest.
        return {
            str(host): docker.auth.parse_auth({host: entry}, raise_on_error=True)[host] for host, entry in auths.items()
        }
    except (ValueError, AttributeError, TypeError, KeyError, docker.errors.DockerException):
        raise CredentialsError(
            f'{path} holds no credentials as docker login writes them: {{"auths": {{"HOST": {{"auth": "..."}}}}}}'
        ) from None
