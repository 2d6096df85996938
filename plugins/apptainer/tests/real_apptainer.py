"""The real Apptainer, and images for it: a newer Debian's package made to run beside Debian 12, which has none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import attrs
from debian_packages import download
from engines import missing
from kept import kept, place_of

SUITE = "sid"
PROGRAM = "apptainer"
LIBRARIES = ("libc6", "libgcc-s1", "libseccomp2", "libsqlite3-0")
SQUASHFS = ("squashfs-tools", "liblz4-1", "liblzma5", "liblzo2-2", "libzstd1", "zlib1g")
NAME = "apptainer-3"
IMAGES = "apptainer-images-3"
APPLETS = (
    "awk", "cat", "dd", "echo", "env", "grep", "head", "hostname", "id", "ls", "mkdir", "mount", "ps", "rm", "seq",
    "setsid", "sh", "sleep", "stat", "touch", "true", "wc",
)  # fmt: skip


@attrs.frozen
class Installation:
    """The program with libraries of its own, and a small system as an image of each kind."""

    root: Path
    images: Path

    @property
    def program(self) -> Path:
        return self.root / "app" / "usr" / "bin" / "apptainer"

    @property
    def directory_image(self) -> Path:
        return self.images / "system"

    @property
    def sif_image(self) -> Path:
        return self.images / "system.sif"


def installation() -> Installation:
    """The real thing, fetched once; a skip with its reason, or in CI a failure, where it cannot be had."""
    for tool in ("apt-get", "dpkg", "patchelf", "busybox", "setpriv", "unshare"):
        if shutil.which(tool) is None:
            missing(f"{tool} is not installed: apptainer's package cannot be made to run here")
    try:
        root = kept(NAME, _install)
        return Installation(root, kept(IMAGES, lambda directory: _make_images(root, directory)))
    except subprocess.CalledProcessError as problem:
        missing(f"apptainer cannot be had: {problem}: {problem.stderr.decode('utf-8', 'replace')}")


def with_tools(root: Path) -> str:
    """PATH with the tools in front that the program calls."""
    return os.pathsep.join([str(root / "lib" / "usr" / "bin"), os.environ["PATH"]])


def _install(directory: Path) -> None:
    for package in download(SUITE, (PROGRAM, *LIBRARIES, *SQUASHFS), directory):
        part = "app" if package.name.startswith(f"{PROGRAM}_") else "lib"
        subprocess.run(["dpkg", "-x", package, directory / part], check=True, capture_output=True)
    shutil.rmtree(directory / "packages")
    shutil.rmtree(directory / "apt")
    libraries = place_of(NAME) / "lib" / "usr" / "lib" / "x86_64-linux-gnu"
    app = directory / "app" / "usr"
    for program in (
        app / "bin" / "apptainer",
        app / "lib" / "x86_64-linux-gnu" / "apptainer" / "bin" / "starter",
        directory / "lib" / "usr" / "bin" / "mksquashfs",
        directory / "lib" / "usr" / "bin" / "unsquashfs",
    ):
        loader = ["--set-interpreter", libraries / "ld-linux-x86-64.so.2", "--force-rpath", "--set-rpath", libraries]
        subprocess.run(["patchelf", *loader, program], check=True, capture_output=True)
    # It looks for its files from where it lies itself, and Debian's package has them above /usr.
    for link, there in (("etc", "../etc"), ("var", "../var"), ("lib/etc", "../../etc"), ("lib/var", "../../var")):
        (app / link).symlink_to(there)
    (directory / "app" / "var" / "lib" / "apptainer" / "mnt" / "session").mkdir(parents=True, exist_ok=True)


def _make_images(root: Path, directory: Path) -> None:
    system = directory / "system"
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/bin", "var/tmp"):
        (system / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "busybox", system / "bin" / "busybox")
    for applet in APPLETS:
        (system / "bin" / applet).symlink_to("busybox")
    for name, content in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n")):
        (system / "etc" / name).write_text(content, "ascii")
    apptainer = Installation(root, directory).program
    environment = {"PATH": with_tools(root), "HOME": str(directory)}
    command = [apptainer, "build", "--disable-cache", directory / "system.sif", system]
    subprocess.run(command, env=environment, check=True, capture_output=True)
