"""Whether what a machine is to run can be run, and whether its context can be given to a container."""

from __future__ import annotations

import shlex
from typing import Final

from vac_core.config.schema import MachineType
from vac_core.interfaces import Context, CreateRequest, MachineTypeError
from vac_docker.options import machine_options
from vac_docker.paths import USER_DATA, path_problem
from vac_docker.readers import VARIABLE

_ELF: Final = b"\x7fELF"


def command(machinetype: MachineType) -> list[str]:
    """What is run in its container, as words; empty for what the image itself names. Raises `ValueError`."""
    try:
        words = shlex.split(machinetype.container_command)
    except ValueError as problem:
        raise ValueError(f"container_command: {str(problem).lower()}: close each quote that is opened") from None
    if any("\0" in word for word in words):
        raise ValueError("container_command: it holds the character NUL: remove it")
    return [*words, *machine_options(machinetype).container_args]


def refuse_unfit(request: CreateRequest) -> None:
    """Raise `MachineTypeError` where the context cannot be had by a container. It shows nothing of user_data."""
    try:
        words = command(request.machinetype)
    except ValueError as problem:
        raise MachineTypeError(f"machinetype {request.machinetype.name}: {problem}") from None
    wrong = _user_data_problem(words, request.context.user_data) or _context_problem(request)
    if wrong:
        raise MachineTypeError(f"machinetype {request.machinetype.name}: {wrong}")


def _user_data_problem(words: list[str], user_data: bytes) -> str | None:
    if words[:1] != [USER_DATA] or user_data.startswith(_ELF):
        return None
    first = user_data.partition(b"\n")[0]
    if not first.startswith(b"#!") or not first[2:].strip():
        return "its user_data is not a program: the first line must be #! and an interpreter that its image has"
    if first.endswith(b"\r"):
        return "its user_data has lines that end with CR and LF: save it with LF alone"
    return None


def _context_problem(request: CreateRequest) -> str | None:
    context: Context = request.context
    for name, value in context.environment.items():
        if VARIABLE.fullmatch(name) is None or "\0" in value:
            return (
                f"its context sets the variable {name!r}, which cannot stand in an environment: use letters, digits, _"
            )
    bound: list[str] = list(request.machinetype.tmp_binds)
    for file in context.files:
        if wrong := path_problem(file.path, bound):
            return f"its context wants a file at {wrong}"
        bound.append(file.path)
    return None
