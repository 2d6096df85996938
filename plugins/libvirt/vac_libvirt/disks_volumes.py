"""LVM volumes as machines' disks, where the site's ``volume_group`` exists: one for each machine, named as its slot.

The rule for their size is that of Vac 3: of what the volume group has beside volumes that are not machines', each
processor gets an equal part, rounded down to whole extents. A volume carries its machine's id as an LVM tag, by which
it is found again whatever happened to the factory; a volume without such a tag is not ours and is left alone.

The commands of lvm2 are run as argument lists, each with a deadline, and asked for JSON (lvmreport(7)). The kernels on
which Vac is developed have no device-mapper, so this module is tested against commands that answer as lvm2 was recorded
to, and not against volumes. Removed volumes are discarded, after which most SSDs and thin storage give zeros; a
rotating disk keeps what was written, and the next machine may read it. Where machines must not see such remains of
others on rotating disks, set ``volume_group`` to nothing, so that disks are files.

Usage::

    volumes = Volumes("vac_volume_group")
    if volumes.exists():
        path = volumes.make(machine_id, slot_name, processors, of_processors)      # /dev/vac_volume_group/SLOT
    volumes.remove(machine_id)                                                      # again is no error
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from vac_core.interfaces import PluginError

_TAG: Final = "vac_machine="
_SECONDS: Final = 60.0
_DISCARD: Final = "devices/issue_discards=1"
_AS_JSON: Final = ("--reportformat", "json", "--units", "b", "--nosuffix")

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class NoLvmError(PluginError):
    """LVM cannot be used here at all, so no volume of ours can be there."""


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of lvm2; raises `PluginError` where it cannot be run or does not end."""
    if os.geteuid() != 0:
        raise NoLvmError("only root may use LVM: run the factory as root, or set volume_group to nothing")
    try:
        return subprocess.run(words, check=False, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise PluginError(f"{words[0]} did not end within {_SECONDS:g} s: see whether a disk of LVM hangs") from None
    except FileNotFoundError:
        raise NoLvmError(f"there is no command {words[0]}: install lvm2") from None
    except OSError as error:
        raise PluginError(f"{words[0]} cannot be run: {error.strerror}: see what is wrong with lvm2") from None


@attrs.frozen(kw_only=True)
class Volume:
    """One logical volume."""

    name: str
    size: int
    machine_id: str | None
    """Whose disk it is; None for one that is not ours."""


@attrs.frozen(kw_only=True)
class Group:
    """A volume group as it is now; sizes in octets."""

    size: int
    extent: int
    volumes: tuple[Volume, ...]


def volume_size(group: Group, processors: int, of_processors: int) -> int:
    """Octets for a machine: its processors' part of what is not taken by others' volumes, in whole extents."""
    others = sum(one.size for one in group.volumes if one.machine_id is None)
    part = processors * max(0, group.size - others) // max(1, of_processors)
    return part // group.extent * group.extent


@attrs.frozen
class Volumes:
    """The volumes of one volume group."""

    group: str
    _run: Run = run

    def exists(self) -> bool:
        """Whether there is such a volume group; without lvm2, or without being root, there is none.

        Raises `PluginError` where LVM fails.
        """
        if not self.group:
            return False
        try:
            found = self._report("vg", ["vgs", *_AS_JSON, "-o", "vg_name"])
        except NoLvmError:
            return False
        return any(one["vg_name"] == self.group for one in found)

    def make(self, machine_id: str, slot: str, processors: int, of_processors: int) -> str:
        """Make a machine's volume; the path of its device. Raises `PluginError`."""
        group = self.look()
        if (there := next((one for one in group.volumes if one.name == slot), None)) is not None:
            whose = f"of machine {there.machine_id}" if there.machine_id else "not a machine's"
            raise PluginError(
                f"the volume {self.group}/{slot} is there already and is {whose}: it is left alone: "
                "see with lvs what it is, and remove or rename it"
            )
        size = volume_size(group, processors, of_processors)
        if not size:
            raise PluginError(f"the volume group {self.group} has no room for machines: others' volumes take all of it")
        words = ["lvcreate", "--yes", "--wipesignatures", "y", "--addtag", _TAG + machine_id]
        self._must([*words, "--extents", str(size // group.extent), "--name", slot, self.group])
        return f"/dev/{self.group}/{slot}"

    def remove(self, machine_id: str) -> None:
        """Remove all volumes of a machine; it is no error that there is none. Raises `PluginError`."""
        if self.exists():
            for one in self.look().volumes:
                if one.machine_id == machine_id:
                    self._must(["lvremove", "--yes", "--config", _DISCARD, f"{self.group}/{one.name}"])

    def look(self) -> Group:
        """The group and its volumes; raises `PluginError`."""
        (about,) = self._report("vg", ["vgs", *_AS_JSON, "-o", "vg_size,vg_extent_size", self.group])
        found = self._report("lv", ["lvs", *_AS_JSON, "-o", "lv_name,lv_size,lv_tags", self.group])
        volumes = tuple(
            Volume(name=one["lv_name"], size=int(one["lv_size"]), machine_id=_machine(one["lv_tags"])) for one in found
        )
        return Group(size=int(about["vg_size"]), extent=int(about["vg_extent_size"]), volumes=volumes)

    def _report(self, kind: str, words: Sequence[str]) -> list[dict[str, str]]:
        said = self._must(words)
        try:
            report: dict[str, Any] = json.loads(said)["report"][0]
            return list(report[kind])
        except (ValueError, LookupError, TypeError):
            raise PluginError(f"{words[0]} answered what cannot be read: see that lvm2 is 2.02.158 or newer") from None

    def _must(self, words: Sequence[str]) -> str:
        done = self._run(words)
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"it ended with {done.returncode}"
            raise PluginError(f"{words[0]} failed for {self.group}: {said}")
        return done.stdout


def _machine(tags: str) -> str | None:
    found = (tag.removeprefix(_TAG) for tag in tags.split(",") if tag.startswith(_TAG))
    return next(found, None)
