"""A machinetype's root_image: a file, a directory, a tree in CVMFS, or a URL."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from vac_apptainer.binds import CVMFS
from vac_core.config.schema import MachineType
from vac_core.interfaces import MachineTypeError, PluginError

_WEB: Final = ("https://", "http://")
_HEAD_OCTETS: Final = 2048
_SIF: Final = (32, b"SIF_MAGIC")
_SQUASHFS: Final = (0, b"hsqs")
_EXT: Final = (1024 + 56, b"\x53\xef")
_KINDS: Final = (_SIF, _SQUASHFS, _EXT)


def is_url(root_image: str) -> bool:
    """Whether an image is fetched from the web."""
    return root_image.startswith(_WEB)


def problem(machinetype: MachineType) -> str:
    """What is wrong with the option root_image, as far as its text tells; empty where nothing is."""
    image = machinetype.root_image or ""
    is_path, bare = image.startswith("/"), "/" not in image
    of_pipe = machinetype.pipe is not None and is_path and not image.startswith(f"{CVMFS}/")
    wrongs = (
        (not image, "it has no root_image"),
        (not is_url(image) and "://" in image, f"root_image {image!r} is of a kind that is not run here"),
        (
            not is_url(image) and not is_path and not bare,
            f"root_image {image!r} is neither a name nor a whole path",
        ),
        (of_pipe, f"root_image {image!r} is a path of this host, which no vacuum pipe may name"),
        (bare and not machinetype.files_dir, f"root_image {image!r} is a bare name, and the machinetype has no files"),
    )
    wrong = next((what for is_so, what in wrongs if is_so), "")
    if not wrong and machinetype.root_image_sha256 and not is_url(image):
        return f"root_image_sha256 is for an image that is fetched, and {image} is a file here: remove it"
    return f"{wrong}: set it to a SIF file, a directory, a path below {CVMFS} or a URL" if wrong else ""


def repositories(machinetype: MachineType) -> tuple[str, ...]:
    """Names of the CVMFS repositories without which no machine can be made of it: its image's too."""
    image = machinetype.root_image or ""
    of_image = image.removeprefix(f"{CVMFS}/").partition("/")[0] if image.startswith(f"{CVMFS}/") else ""
    return tuple(dict.fromkeys((*machinetype.cvmfs_repositories, *([of_image] if of_image else ()))))


def local_image(machinetype: MachineType, cvmfs_root: Path) -> Path:
    """Where an image is that is no URL. Raises `MachineTypeError`, or `PluginError` where it may yet be put there.

    A path below /cvmfs is followed through links and must end there too: who publishes a repository gets no say about
    the rest of the host.
    """
    if (wrong := problem(machinetype)) or machinetype.root_image is None:
        raise MachineTypeError(wrong)
    named = Path(machinetype.root_image)
    published = named.is_relative_to(CVMFS)
    path = cvmfs_root / named.relative_to(CVMFS) if published else Path(machinetype.files_dir) / named
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError) as fault:
        said = fault.strerror if isinstance(fault, OSError) else "its links lead in a circle"
        mend = "see that CVMFS is mounted, and has it" if published else "put it there"
        raise PluginError(f"root_image {path}: {said}: {mend}") from None
    if published and not found.is_relative_to(cvmfs_root.resolve()):
        raise MachineTypeError(f"root_image {named} leads by links out of {CVMFS}, to {found}: name what is there")
    check_kind(found, str(named))
    return found


def check_kind(path: Path, named: str) -> None:
    """Look whether a file or directory can be an image at all. Raises `MachineTypeError`, `PluginError`."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_OCTETS)
    except IsADirectoryError:
        return
    except OSError as fault:
        mend = "let the factory read it" if fault.errno == errno.EACCES else "see that its disk is whole"
        raise PluginError(f"root_image {named}: {fault.strerror}: {mend}") from None
    if not any(head[at:].startswith(magic) for at, magic in _KINDS):
        raise MachineTypeError(
            f"root_image {named} is neither a SIF, SquashFS nor ext3 image nor a directory: build it with apptainer"
        )
