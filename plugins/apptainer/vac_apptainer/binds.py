"""What a container sees of the host: each bind as a value, and as Apptainer's ``--mount`` wants it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import attrs

from vac_core.interfaces import ContextFile, MachineTypeError, Urls

FEATURES = Urls(
    machinefeatures="/tmp/machinefeatures",  # noqa: S108 - paths in a container whose /tmp is its own, as Vac 3 has it
    jobfeatures="/tmp/jobfeatures",  # noqa: S108
    joboutputs="/tmp/joboutputs",  # noqa: S108
)
USER_DATA = "/user_data"
CVMFS = "/cvmfs"
_TAKEN = ("/dev", "/proc", "/sys", CVMFS, USER_DATA, *attrs.astuple(FEATURES))


@attrs.frozen(kw_only=True)
class Bind:
    """One file or directory of the host, and where the container finds it."""

    source: Path
    target: str
    writable: bool = False

    @property
    def mount(self) -> str:
        """The value of ``--mount``: fields of a line of CSV, so that no path is ever taken for more than a path."""
        line = io.StringIO()
        fields = [
            "type=bind",
            f"source={self.source}",
            f"destination={self.target}",
            *([] if self.writable else ["ro"]),
        ]
        csv.writer(line, lineterminator="").writerow(fields)
        return line.getvalue()


def features(directory: Path) -> tuple[Bind, ...]:
    """A machine's features, read only, and its outputs."""
    return (
        Bind(source=directory / "machinefeatures", target=FEATURES.machinefeatures),
        Bind(source=directory / "jobfeatures", target=FEATURES.jobfeatures),
        Bind(source=directory / "joboutputs", target=FEATURES.joboutputs, writable=True),
    )


def context_files(files: Iterable[ContextFile], own: Path) -> tuple[Bind, ...]:
    """Files that the context wants at absolute paths, read only, as they lie below ``own`` by number.

    Raises `MachineTypeError` for a path that a container cannot have.
    """
    return tuple(
        Bind(source=own / f"file-{number}", target=target(file.path, "its context wants the file"))
        for number, file in enumerate(files)
    )


def scratch(tmp_binds: Iterable[str], own: Path) -> tuple[Bind, ...]:
    """Directories that the machinetype wants scratch space at, as they are made below ``own`` by number.

    Raises `MachineTypeError` for a path that a container cannot have.
    """
    return tuple(
        Bind(source=own / f"scratch-{number}", target=target(path, "tmp_binds has"), writable=True)
        for number, path in enumerate(tmp_binds)
    )


def cvmfs(root: Path) -> Bind:
    """The host's CVMFS, read only, where it always is. What the host mounts there later shows up inside too."""
    return Bind(source=root, target=CVMFS)


def target(path: str, whose: str) -> str:
    """A path in a container where something may be bound; raises `MachineTypeError`, which begins with ``whose``."""
    plain = PurePosixPath(path)
    if not path.startswith("/") or path.startswith("//") or str(plain) != path or ".." in plain.parts or path == "/":
        raise MachineTypeError(f"{whose} {path!r}, which is no plain absolute path: write one such as /scratch")
    if not path.isprintable():
        raise MachineTypeError(f"{whose} {path!r}, which holds characters that no path needs: leave them out")
    if any(path == one or path.startswith(one + "/") for one in _TAKEN):
        raise MachineTypeError(f"{whose} {path!r}, which Vac or the kernel has a use for: choose another")
    return path
