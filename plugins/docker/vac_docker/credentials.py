"""Credentials for registries, from a file as ``docker login`` writes it. Their values are never shown or logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vac_core.secret_files import SecretFileError, read_secret_file

_LARGEST: Final = 1048576
_HUB: Final = "docker.io"


class CredentialsError(ValueError):
    """A file of credentials cannot be used; the message says why and the mend, and shows nothing that is in it."""


def credentials(path: str, host: str) -> Mapping[str, str]:
    """What a registry is to be shown: for the API's ``X-Registry-Auth``; empty where the file has nothing for it."""
    try:
        raw = read_secret_file(Path(path), _LARGEST, ours=True)
    except SecretFileError as problem:
        raise CredentialsError(str(problem)) from None
    import docker.auth  # noqa: PLC0415 - large, and of use to few machinetypes

    found = docker.auth.AuthConfig({"auths": _entries(path, raw)}).resolve_authconfig(host)
    return {str(key): str(value) for key, value in (found or {}).items() if value is not None}


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
