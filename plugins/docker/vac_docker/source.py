"""Where a machinetype's image comes from: a registry, or an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

from vac_core.config.schema import MachineType
from vac_docker.image_name import SCHEME, ImageName, image_name
from vac_docker.options import DockerPlugin, machine_options

LOCAL: Final = "localhost"
_WEB: Final = ("https://", "http://")
_ARCHIVE_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")


@attrs.frozen
class Registry:
    """An image of a registry, and the file of credentials with which it is asked for."""

    name: ImageName
    auth_file: str | None = None
    trusted: bool = True
    """Whether a copy that is here already, and that we did not get, may be used: the site itself names it."""

    @property
    def remote(self) -> bool:
        """Whether a registry has it; images of ``localhost/`` are made and kept on this host alone."""
        return self.name.host != LOCAL

    def __str__(self) -> str:
        return str(self.name)


@attrs.frozen
class Archive:
    """An archive as ``docker save`` writes it: a file of the host, or an http(s) URL."""

    where: str
    sha256: str | None = None
    """What its checksum must be; any may where none is named."""

    @property
    def remote(self) -> bool:
        """Whether it must be fetched."""
        return self.where.startswith(_WEB)

    def __str__(self) -> str:
        return self.where


Source = Registry | Archive


def source_of(machinetype: MachineType, plugin: DockerPlugin) -> Source:
    """Read ``root_image``; raises `ValueError` that says what is wrong with it."""
    wanted = machinetype.root_image
    if not wanted:
        raise ValueError("it is not set: write docker://HOST/NAME:TAG, or the name of an archive")
    if wanted.startswith(SCHEME):
        return _of_registry(machinetype, image_name(wanted), plugin)
    if wanted.startswith(_WEB):
        return Archive(wanted, machinetype.root_image_sha256)
    if wanted.endswith(_ARCHIVE_SUFFIXES):
        return Archive(str(_local(machinetype, wanted)), machinetype.root_image_sha256)
    raise ValueError(f"{wanted!r} is neither docker://HOST/NAME:TAG nor an archive, whose name ends with .tar")


def _of_registry(machinetype: MachineType, name: ImageName, plugin: DockerPlugin) -> Registry:
    if machinetype.root_image_sha256 is not None:
        raise ValueError(f"root_image_sha256 is for archives: write docker://{name.repository}@sha256:DIGEST instead")
    if name.host == LOCAL and machinetype.pipe is not None:
        raise ValueError(f"{name} is an image of this host, which a vacuum pipe may not name: name one of a registry")
    return Registry(name, auth_file(machinetype, plugin), trusted=machinetype.pipe is None)


def _local(machinetype: MachineType, wanted: str) -> Path:
    """An archive of this host. A pipe's can only be among the files of its own machinetypes."""
    if machinetype.pipe is not None and ("/" in wanted or wanted.startswith(".")):
        raise ValueError(f"{wanted!r} is a path of this host, which a vacuum pipe may not name: write a URL")
    return Path(machinetype.files_dir, wanted)


def auth_file(machinetype: MachineType, plugin: DockerPlugin) -> str | None:
    """The file of credentials for a machinetype's registry.

    The site's own file of credentials is not for machinetypes that a VO defines: it would hand them the site's images.
    """
    return machine_options(machinetype).docker_auth_file or (
        plugin.docker_auth_file if machinetype.pipe is None else None
    )
