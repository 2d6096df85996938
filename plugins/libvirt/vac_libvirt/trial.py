"""Trying KVM: does a guest run under it, and in time?"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Final

import libvirt

from vac_libvirt.domain import domain_xml
from vac_libvirt.errors import is_gone
from vac_libvirt.guest import Guest
from vac_libvirt.mark import Mark, mark_of
from vac_libvirt.parts import Disk
from vac_libvirt.passable import make_passable
from vac_libvirt.trial_guest import SAYS, trial_disk

DEADLINE_SECONDS: Final = 5.0
_MEMORY: Final = 64 * 2**20
_SAID_MAX: Final = 4096
_TRIAL: Final = "trial-"
_LEFT_SECONDS: Final = 120.0


def try_type(libvirtd: Any, domain_type: str, owner: Mark, disk_directory: Path) -> str:
    """Run the trial guest as a domain of this type; what is wrong, or empty where it ran to its end in time."""
    clear_left(libvirtd, owner, disk_directory, time.time() - _LEFT_SECONDS)
    machine_id = str(uuid.uuid4())
    directory = disk_directory / f"{_TRIAL}{machine_id}"
    guest = _guest(machine_id, domain_type, owner, directory)
    try:
        make_passable(directory)
        (directory / "disk").write_bytes(trial_disk())
        return _run(libvirtd, guest, directory / "console.log")
    except libvirt.libvirtError as error:
        return f"libvirt says: {' '.join(str(error.get_error_message()).split())}"
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    finally:
        with contextlib.suppress(libvirt.libvirtError, OSError):
            _clear(libvirtd, owner, directory)


def clear_left(libvirtd: Any, owner: Mark, disk_directory: Path, before: float) -> None:
    """End what trials of this factory have left that were begun before a time and then cut off.

    Those of others, such as of ``vac doctor`` at this moment, are left alone.
    """
    for directory in disk_directory.glob(f"{_TRIAL}*"):
        with contextlib.suppress(libvirt.libvirtError, OSError):
            if directory.stat().st_mtime < before:
                _clear(libvirtd, owner, directory)


def _guest(machine_id: str, domain_type: str, owner: Mark, directory: Path) -> Guest:
    return Guest(
        machine_id=machine_id,
        name=f"vac-trial-{machine_id}",
        mark=owner,
        domain_type=domain_type,
        memory_bytes=_MEMORY,
        processors=1,
        cpu_mode="host-passthrough" if domain_type == "kvm" else "maximum",
        disks=(Disk(source=str(directory / "disk"), device="vda", boot_order=1),),
        console_log=str(directory / "console.log"),
    )


def _run(libvirtd: Any, guest: Guest, console: Path) -> str:
    ended = threading.Event()

    def told(connection: Any, domain: Any, event: int, detail: int, opaque: object) -> None:
        del connection, domain, detail, opaque
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            ended.set()

    # It begins held still, so that its end cannot come before somebody listens.
    domain = libvirtd.createXML(domain_xml(guest), libvirt.VIR_DOMAIN_START_PAUSED)
    callback = libvirtd.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, told, None)
    try:
        domain.resume()
        in_time = ended.wait(DEADLINE_SECONDS)
    finally:
        libvirtd.domainEventDeregisterAny(callback)
    if not in_time:
        return f"a guest that needs a fraction of a second was not done in {DEADLINE_SECONDS:g} s"
    with console.open("rb") as file:
        return "" if SAYS in file.read(_SAID_MAX) else "a guest ended before it had run"


def _clear(libvirtd: Any, owner: Mark, directory: Path) -> None:
    try:
        left = libvirtd.lookupByUUIDString(directory.name.removeprefix(_TRIAL))
        mark = mark_of(left)
        if mark is None or not mark.same_owner(owner):
            return
        left.destroy()
    except libvirt.libvirtError as error:
        if not is_gone(error):
            raise
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)
