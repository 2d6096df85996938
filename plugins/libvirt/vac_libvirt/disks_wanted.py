"""Which disks and images the machines of a machinetype have: pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_libvirt.cernvm_image_dn import compiled
from vac_libvirt.options import machine_options

_GB: Final = 10**9
CERNVM: Final = "cernvm"
_WEB: Final = ("http://", "https://")
CVMFS: Final = Path("/cvmfs")


@attrs.frozen(kw_only=True)
class Empty:
    """A disk that holds nothing at first."""

    device: str
    fixed: int = 0
    per_processor: int = 0
    """Octets."""
    volume: bool = False
    """Whether it is an LVM volume where the site has a volume group."""

    def size(self, processors: int) -> int:
        """Octets, where it is a file."""
        return self.fixed + self.per_processor * processors


@attrs.frozen(kw_only=True)
class Source:
    """An image that a machinetype names."""

    option: str
    name: str
    sha256: str | None = None

    @property
    def url(self) -> str:
        """Where to fetch it; empty for one that is a file here."""
        return self.name if self.name.startswith(_WEB) else ""


def is_cernvm(machinetype: MachineType) -> bool:
    """Whether it boots CernVM's image, a CD-ROM, and has its disk empty."""
    return machinetype.machine_model.startswith(CERNVM)


def empty_disks(machinetype: MachineType, settings: Settings) -> tuple[Empty, ...]:
    """Its disks that hold nothing at first."""
    gb = machinetype.disk_gb_per_processor or settings.disk_gb_per_processor
    device = machinetype.root_device if is_cernvm(machinetype) else machinetype.scratch_device
    extra = machine_options(machinetype).extra_disks
    first = Empty(device=device, per_processor=gb * _GB, volume=True)
    return (first, *(Empty(device=one.device, fixed=one.gb * _GB) for one in extra))


def sources(machinetype: MachineType) -> tuple[Source, ...]:
    """The images it names, the one it boots from first."""
    options = machine_options(machinetype)
    named = {"root_image": machinetype.root_image}
    if machinetype.machine_model == "kernel":
        named |= {"kernel": options.kernel, "initrd": options.initrd}
    sha256 = {"root_image": machinetype.root_image_sha256}
    return tuple(Source(option=key, name=name, sha256=sha256.get(key)) for key, name in named.items() if name)


def path_of(source: Source, machinetype: MachineType) -> Path:
    """Where an image is that is a file here; what stands in /cvmfs is followed no further than /cvmfs.

    Raises ValueError with what is wrong.
    """
    path = Path(machinetype.files_dir, source.name)
    if path.is_relative_to(CVMFS):
        path = path.resolve()
        if not path.is_relative_to(CVMFS):
            raise ValueError(f"{source.name} is a link that leads out of {CVMFS}")
    if not path.is_file():
        raise ValueError(f"{path} is not there, or no file")
    return path


def faults(machinetype: MachineType) -> Sequence[str]:
    """What is wrong with its options, one message each."""
    found = []
    needed = "kernel" if machinetype.machine_model == "kernel" else "root_image"
    images = {one.option: one for one in sources(machinetype)}
    if needed not in images:
        found.append(f"{needed} is not set: name an image, by its URL or its file")
    found += [
        f"{one.option} = {one.name} is no image of a virtual machine: name a URL of http or https, or a file"
        for one in images.values()
        if "://" in one.name and not one.url
    ]
    root = images.get("root_image")
    if machinetype.root_image_sha256 and root is not None and not root.url:
        found.append(f"root_image_sha256 is for an image that is fetched, and {root.name} is a file here: remove it")
    devices = [one.device for one in empty_disks(machinetype, Settings(vac_space="any"))]
    if "root_image" in images and not is_cernvm(machinetype):
        devices.append(machinetype.root_device)
    if machinetype.image_signing_dn:
        found += _dn_faults(machinetype.image_signing_dn)
    found += [f"two disks are called {one}: name each device once" for one in sorted(_twice(devices))]
    return found


def _dn_faults(pattern: str) -> list[str]:
    try:
        compiled(pattern)
    except ValueError as error:
        return [f"image_signing_dn = {error}"]
    return []


def _twice(names: Sequence[str]) -> set[str]:
    return {one for one in names if names.count(one) > 1}
