"""Which files make up a site's configuration, in the order in which they are read, and what stands in them."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from vac_core.config.dialect import written
from vac_core.config.problems import Problem, Severity
from vac_core.config.sections import Written

DEFAULT_SOURCES: Final = (Path("/etc/vac.d"), Path("/etc/vac.conf"), Path("/var/run/vac.conf"))
"""Vac 3's places: later ones win, and the last is cleared when the host boots. Any of them may be missing."""

_LARGEST: Final = 4 * 1024 * 1024


def default_sources() -> tuple[Path, ...]:
    """Where site files are where no other place is named; `expand` leaves out those that do not exist."""
    return DEFAULT_SOURCES


def expand(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files to read: of a directory its ``*.conf`` in order, any other path itself."""
    files: list[Path] = []
    for path in paths:
        try:
            entries = sorted(path.iterdir())
        except FileNotFoundError:
            files.extend([] if path in DEFAULT_SOURCES else [path])
        except (OSError, ValueError):
            files.append(path)
        else:
            files.extend(one for one in entries if one.suffix == ".conf" and not one.name.startswith("."))
    return tuple(files)


def fingerprint(sources: Sequence[Path]) -> str:
    """A word that changes when a file of the sources changes, comes or goes."""
    digest = hashlib.sha256()
    for path in expand(sources):
        content = _content(path)
        said = content if isinstance(content, bytes) else content.encode()
        digest.update(f"{path}\n{type(content).__name__} {len(said)}\n".encode("utf-8", "surrogateescape"))
        digest.update(said)
    return digest.hexdigest()


def contents(sources: Sequence[Path]) -> dict[str, bytes]:
    """The contents of the files of the sources by their names, in order; those that cannot be read are left out."""
    found = {str(path): _content(path) for path in expand(sources)}
    return {name: content for name, content in found.items() if isinstance(content, bytes)}


def read_site_file(path: Path) -> Written:
    """What a site file says; a file that cannot be read is a problem, not an exception."""
    content = _content(path)
    if isinstance(content, str):
        return Written(problems=(Problem(file=str(path), what=content, mend="mend the file, or do not name it"),))
    return decoded(content, str(path))


def decoded(content: bytes, file: str) -> Written:
    """What the content of a site file says; ``file`` is its name for problems."""
    try:
        return written(content.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        problem = Problem(
            severity=Severity.WARNING,
            file=file,
            line=content.count(b"\n", 0, error.start) + 1,
            what="it is not in UTF-8, so it is read as Latin-1",
            mend="save it in UTF-8",
        )
        read = written(content.decode("latin-1"), file)
        return Written(headings=read.headings, settings=read.settings, problems=(problem, *read.problems))


def _content(path: Path) -> bytes | str:
    """The content of a regular file of reasonable size, or the reason why it cannot be had."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return "it is a directory, which cannot be read" if stat.S_ISDIR(mode) else "it is no regular file"
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        return f"it cannot be read: {error.strerror if isinstance(error, OSError) else error}"
    if len(content) > _LARGEST:
        return f"it is larger than {_LARGEST} bytes, so it is no site file"
    return "it holds NUL bytes, so it is no text file" if b"\0" in content else content
