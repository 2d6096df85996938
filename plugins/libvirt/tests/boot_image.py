"""A bootable CD-ROM image that stands for CernVM's: isolinux, Debian's kernel, and the tiny guest's files."""

from __future__ import annotations

import gzip
import io
from typing import Final

import pycdlib
from guest_packages import GuestPackages
from tiny_guest import CMDLINE, initial_files

_MENU: Final = f"""DEFAULT only
PROMPT 0
TIMEOUT 1
LABEL only
 KERNEL /vmlinuz
 INITRD /initrd.gz
 APPEND {CMDLINE}
"""


def boot_image(packages: GuestPackages) -> bytes:
    """The image. Like CernVM's loader, its guest takes user data from a config drive, or else from EC2's service."""
    files = {
        "isolinux/isolinux.bin": packages.isolinux.read_bytes(),
        "isolinux/ldlinux.c32": packages.ldlinux.read_bytes(),
        "isolinux/isolinux.cfg": _MENU.encode(),
        "vmlinuz": packages.vmlinuz.read_bytes(),
        "initrd.gz": gzip.compress(initial_files(packages), 6),
    }
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, rock_ridge="1.09", vol_ident="CERNVM")
    image.add_directory("/ISOLINUX", rr_name="isolinux")
    for name, content in files.items():
        image.add_fp(io.BytesIO(content), len(content), _plain(name), rr_name=name.rpartition("/")[2])
    image.add_eltorito(
        _plain("isolinux/isolinux.bin"),
        bootcatfile="/ISOLINUX/BOOT.CAT;1",
        rr_bootcatname="boot.cat",
        boot_load_size=4,
        boot_info_table=True,
    )
    made = io.BytesIO()
    image.write_fp(made)
    image.close()
    return made.getvalue()


def _plain(name: str) -> str:
    """A name as the oldest of readers take it."""
    stem, _, suffix = name.upper().partition(".")
    return f"/{stem}.{suffix};1"
