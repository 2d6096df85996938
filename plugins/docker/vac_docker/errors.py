"""What an engine or its library says, as a few errors of our own, each with its mend."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vac_core.interfaces import PluginError

if TYPE_CHECKING:
    import docker.errors


class EngineError(PluginError):
    """The engine refuses what it was asked."""


class EngineGoneError(EngineError):
    """The engine cannot be reached, or does not answer."""


class NotThereError(EngineError):
    """The engine has no such container, image or volume."""


class ConflictError(EngineError):
    """It is in use, in another state, or its name is taken."""


_CONFLICT: Final = 409
_NOT_FOUND: Final = 404
_MENDS: Final = (
    ("no space left on device", "free some space on the engine's disk"),
    ("pull access denied", "see that the image's name is right, and give credentials with docker_auth_file"),
    ("unauthorized", "give credentials for the registry with docker_auth_file"),
    ("no basic auth credentials", "give credentials for the registry with docker_auth_file"),
    ("authentication required", "give credentials for the registry with docker_auth_file"),
    ("denied", "see that the credentials in docker_auth_file may have this image"),
    ("manifest unknown", "see that there is such a tag or digest"),
    ("no such host", "see that the registry's name is right, and that the host's DNS answers"),
    ("connection refused", "see that the registry runs"),
    ("certificate", "give the engine the registry's certificate authority"),
    ("executable file not found", "see that the image has what container_command names"),
    ("no such file or directory", "see that the image has what container_command and user_data's first line name"),
    ("exec format error", "see that user_data begins with #! and an interpreter that the image has"),
    ("permission denied", "see that what container_command names may be executed"),
    ("unable to find user", "see that the image has the user of container_user"),
    ("unknown runtime", "give runtime the name of one that the engine has, as in docker info"),
    ("unknown or invalid runtime", "give runtime the name of one that the engine has, as in docker info"),
    ("could not select device driver", "install the engine's support for these GPUs, such as NVIDIA's toolkit"),
    ("not a shared or slave mount", "run mount --make-rshared on the directory where CVMFS is mounted"),
    ("cannot allocate memory", "free some memory"),
    ("address pool", "give the engine more networks"),
)
_GONE: Final = {
    errno.ENOENT: "start the engine, or set socket in [plugin docker]",
    errno.ECONNREFUSED: "start the engine",
    errno.EACCES: "run the factory as root, or as a member of the socket's group",
    errno.ECONNRESET: "see in the engine's log why it ended",
}


@contextmanager
def asking(what: str, socket: str) -> Iterator[None]:
    """Turn whatever comes of asking an engine into one of the errors above; ``what`` says what was wanted."""
    try:
        yield
    except Exception as problem:
        explained = _explained(what, socket, problem)
        if explained is None:
            raise
        raise explained from None


def _explained(what: str, socket: str, problem: Exception) -> EngineError | None:
    """The error of ours that stands for one of the system's or the library's; None for any other."""
    if isinstance(problem, OSError) and problem.errno in _GONE:
        return EngineGoneError(f"{what}: the engine at {socket} {_out_of_reach(problem)}")
    import docker.errors  # noqa: PLC0415 - large, and not loaded where nobody has listened yet
    import requests  # noqa: PLC0415 - as above

    if isinstance(problem, docker.errors.APIError):
        return _refusal(what, problem)
    if isinstance(problem, docker.errors.DockerException | requests.RequestException | OSError):
        return EngineGoneError(f"{what}: the engine at {socket} {_silence(problem, requests.Timeout)}")
    return None


def mend_of(said: str) -> str:
    """What to do about something that an engine says."""
    lowered = said.lower()
    return next((mend for part, mend in _MENDS if part in lowered), "see the engine's log for more")


def _refusal(what: str, problem: docker.errors.APIError) -> EngineError:
    said = " ".join(str(problem.explanation or problem).split())
    message = f"{what}: the engine says: {said}: {mend_of(said)}"
    if problem.status_code == _NOT_FOUND:
        return NotThereError(message)
    return ConflictError(message) if problem.status_code == _CONFLICT else EngineError(message)


def _out_of_reach(problem: OSError) -> str:
    return f"cannot be reached ({problem.strerror}): {_GONE[problem.errno or 0]}"


def _silence(problem: BaseException, timeout: type[BaseException]) -> str:
    """What became of the connection, from the chain of what was raised in three libraries."""
    seen: list[BaseException] = [problem]
    for one in seen:
        inner = [*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)]
        seen += [part for part in inner if isinstance(part, BaseException) and part not in seen]
        if isinstance(one, timeout | TimeoutError):
            return "does not answer in time: see in its log what it waits for"
        if isinstance(one, OSError) and one.errno in _GONE:
            return _out_of_reach(one)
    return f"broke off ({type(problem).__name__}): see in its log why"
