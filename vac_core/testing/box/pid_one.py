"""PID 1 of a box: give it mounts and a name of its own, say ``ready``, reap whatever dies, and end when told to.

`unshare` runs it as a script in its new namespaces: ``python -I pid_one.py HOSTNAME DIRECTORY...``. Each of the
directories is empty in the box. It ends when its standard input does, which is when whoever made the box closes it or
dies; with PID 1 the kernel ends everything else in the box.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

_RUN = Path("/run")


def mount(*words: str) -> None:
    """Mount something; what `mount` says against it is in the log of whoever made the box."""
    subprocess.run([_program("mount"), *words], check=True, stdin=subprocess.DEVNULL)


def furnish(hostname: str, empty: list[str]) -> None:
    """Make the box's own view of files, devices and names; its /etc begins as the host's and changes for itself."""
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    for directory in (str(_RUN), *empty):
        Path(directory).mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", directory)
    _own_etc()
    _own_sys()
    _open_kvm()
    for directory in ("lock", "user/0"):
        (_RUN / directory).mkdir(parents=True)
    socket.sethostname(hostname)
    subprocess.run([_program("ip"), "link", "set", "lo", "up"], check=True, stdin=subprocess.DEVNULL)


def _own_etc() -> None:
    changes, work = _RUN / ".etc/changes", _RUN / ".etc/work"
    for directory in (changes, work):
        directory.mkdir(parents=True)
    mount("-t", "overlay", "-o", f"lowerdir=/etc,upperdir={changes},workdir={work}", "overlay", "/etc")


def _own_sys() -> None:
    """A /sys that shows this network namespace's devices; the control groups are the host's."""
    new = _RUN / ".sys"
    new.mkdir()
    mount("-t", "sysfs", "sysfs", str(new))
    if Path("/sys/fs/cgroup").is_dir():
        mount("--rbind", "/sys/fs/cgroup", str(new / "fs/cgroup"))
    mount("--move", str(new), "/sys")


def _open_kvm() -> None:
    """Let libvirt's own user open /dev/kvm, as udev's rules do: where only root may, it probes QEMU at every call."""
    kvm, own = Path("/dev/kvm"), _RUN / ".kvm"
    if kvm.is_char_device():
        os.mknod(own, stat.S_IFCHR | 0o600, kvm.stat().st_rdev)
        own.chmod(0o666)
        mount("--bind", str(own), str(kvm))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        sys.exit(f"no program {name} here: install it")
    return found


def main() -> None:
    """Furnish the box and hold it open."""
    hostname, *empty = sys.argv[1:]
    furnish(hostname, empty)
    # Children of an init that ignores SIGCHLD leave no zombies: the kernel reaps them at once.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
