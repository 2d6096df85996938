"""A context as a program and its environment: what a machine that is a process can be given, and what it cannot."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from vac_core.builtin.process.limits import limits_of
from vac_core.interfaces import Context, CreateRequest, MachineTypeError, Urls
from vac_core.supervision.cgroup import Cgroup
from vac_core.supervision.launch import Launch
from vac_core.supervision.record import MARKER

_SHEBANG_MAX = 255
"""Octets of a program's first line that the kernel reads; see execve(2)."""
OWN = "process"
"""What is made in a machine's directory, and removed with the machine."""
LOG = "user_data.log"
"""Among the outputs, so that their limits hold for it and it is kept as long as they are."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def interpreter(user_data: bytes) -> str:
    """The interpreter that a program names in its first line, after ``#!``.

    Raises `MachineTypeError` where user_data cannot be run as a program: there is no such line, or no such interpreter
    on this host. The message shows nothing of user_data, which may hold secrets.
    """
    if not user_data.startswith(b"#!"):
        raise MachineTypeError(
            "its user_data is not a program: the first line must be #! and an interpreter, such as #!/bin/sh"
        )
    line = user_data[: _SHEBANG_MAX + 1].split(b"\n")[0]
    words = line[2:].split(None, 1)
    if len(line) > _SHEBANG_MAX or not words or b"\0" in line:
        raise MachineTypeError("its user_data's first line names no interpreter that the kernel can read: shorten it")
    if line.endswith(b"\r"):
        raise MachineTypeError("its user_data has lines that end with CR and LF: save it with LF alone")
    path = os.fsdecode(words[0])
    if not path.startswith("/") or not os.access(path, os.X_OK) or not Path(path).is_file():
        raise MachineTypeError(
            f"its user_data wants the interpreter {path!r}, which this host does not have: install it"
        )
    return path


def features_urls(directory: Path) -> Urls:
    """Where a machine's features and outputs are: directories, since it sees the host's files."""
    return Urls(
        machinefeatures=str(directory / "machinefeatures"),
        jobfeatures=str(directory / "jobfeatures"),
        joboutputs=str(directory / "joboutputs"),
    )


def prepare(request: CreateRequest, cgroup: Cgroup | None, search_path: str) -> Launch:
    """What is to be started for a request; touches nothing.

    Raises `MachineTypeError` where the context asks for what a process cannot have.
    """
    context, name = request.context, request.machinetype.name
    try:
        interpreter(context.user_data)
        _refuse_files(context)
        _check_names(context.environment)
    except MachineTypeError as problem:
        raise MachineTypeError(f"machinetype {name}: {problem}") from None
    own = request.directory / OWN
    return Launch(
        own=own,
        log=request.directory / "joboutputs" / LOG,
        user_data=context.user_data,
        environment=_environment(request, own / "work", search_path),
        limits=limits_of(request.machine, request.machinetype, request.settings),
        cgroup=cgroup,
    )


def _environment(request: CreateRequest, home: Path, search_path: str) -> dict[str, str]:
    """The whole environment of a machine: the context's, and what Vac promises, which no context may change.

    Nothing of the factory's own environment is in it but PATH.
    """
    urls = features_urls(request.directory)
    return {
        "LANG": "C.UTF-8",
        "PATH": search_path or os.environ.get("PATH", os.defpath),
        **request.context.environment,
        "HOME": str(home),
        "TMPDIR": str(home),
        "MACHINEFEATURES": urls.machinefeatures,
        "JOBFEATURES": urls.jobfeatures,
        "JOBOUTPUTS": urls.joboutputs,
        "VAC_MACHINE_NAME": request.context.hostname,
        "VAC_MACHINETYPE": request.machinetype.name,
        MARKER: request.machine.id,
    }


def _check_names(wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        if _NAME.fullmatch(name) is None or "\0" in value:
            raise MachineTypeError(
                f"its context sets the variable {name!r}, which cannot stand in an environment: use letters, digits, _"
            )


def _refuse_files(context: Context) -> None:
    """Raise `MachineTypeError` where a context wants files at absolute paths, which here are the host's own."""
    if context.files:
        raise MachineTypeError(
            f"its context wants the file {context.files[0].path}, and a process sees the host's own files: "
            "use a machine model with a file system of its own"
        )
