"""A container as a value, and the command that makes it: nothing that a VO says can become an option or a host path."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import attrs

from vac_apptainer.account import Account
from vac_apptainer.binds import Bind
from vac_core.interfaces import MachineTypeError

STAGE = Path("/run/vac-apptainer")
"""Where a container's user finds what the factory, if it is root, lets that container see; see ``enter.sh``."""
ENTER = Path(__file__).with_name("enter.sh")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@attrs.frozen(kw_only=True)
class Container:
    """What is run, where, and what it sees of the host."""

    image: Path
    """A file, or a directory with a whole system in it."""
    workdir: Path
    """Holds the container's /tmp, /var/tmp and home."""
    binds: tuple[Bind, ...]
    hostname: str
    command: tuple[str, ...]


def words(container_command: str) -> tuple[str, ...]:
    """The command that is run in a container, parted as a shell would, though no shell ever sees it.

    Raises `MachineTypeError` where it cannot be parted.
    """
    try:
        found = tuple(shlex.split(container_command))
    except ValueError as problem:
        raise MachineTypeError(f"its container_command cannot be read: {problem}: close each quotation") from None
    if not found or not found[0] or "\0" in container_command:
        raise MachineTypeError("its container_command names no program: write one such as /user_data")
    return found


def arguments(program: Path, container: Container) -> tuple[str, ...]:
    """The command that runs a container. All that comes after the image is the container's own affair."""
    return (
        str(program),
        "exec",
        "--userns",
        "--containall",
        "--cleanenv",
        "--no-eval",
        "--hostname",
        container.hostname,
        "--workdir",
        str(container.workdir),
        "--pwd",
        "/tmp",  # noqa: S108 - the container's own
        *(word for bind in container.binds for word in ("--mount", bind.mount)),
        str(container.image),
        *container.command,
    )


def staged(container: Container) -> Container:
    """The container as its user finds all that it needs: at `STAGE`, under names that Vac chose."""
    binds = (attrs.evolve(bind, source=STAGE / f"bind-{number}") for number, bind in enumerate(container.binds))
    return attrs.evolve(container, image=STAGE / "image", workdir=STAGE / "workdir", binds=tuple(binds))


def _sources(container: Container) -> tuple[Path, ...]:
    return (container.image, container.workdir, *(bind.source for bind in container.binds))


def entered(program: Path, container: Container, account: Account) -> tuple[str, ...]:
    """The command that runs a container as another user, which sees nothing of the host but what is shown to it.

    Machines' directories are the factory's alone. So, in a mount namespace of the container's own, all that it needs
    is bound at `STAGE`, where its user finds it, before that user's part begins.
    """
    inside = staged(container)
    pairs = list(zip(_sources(inside), _sources(container), strict=True))
    shown = (word for place, source in pairs for word in (place.name, str(source)))
    return (
        "unshare",
        "--mount",
        "--propagation",
        "slave",
        "/bin/sh",
        str(ENTER),
        str(STAGE),
        str(account.uid),
        str(account.gid),
        str(len(pairs)),
        *shown,
        *arguments(program, inside),
    )


def environment(own: Mapping[str, str], wanted: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The environment of Apptainer itself, in which what the container is to have stands under a prefix.

    So nothing that a context sets can be one of Apptainer's own variables, and no secret stands in an argument.
    Raises `MachineTypeError` for a name that no environment can have.
    """
    for name, value in wanted.items():
        if _NAME.fullmatch(name) is None or "\0" in value:
            raise MachineTypeError(
                f"its context sets the variable {name!r}, which cannot stand in an environment: use letters, digits, _"
            )
    return {**own, **{prefix + name: value for name, value in wanted.items()}}
