"""What ``vac doctor`` looks at on the host: clock, name, state directory, socket, disk and ports."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vac_core.cli.asking import own_name
from vac_core.cli.client import SOCKET_PATH_MAX
from vac_core.cli.findings import Finding, ok, problem, warning
from vac_core.config.schema import Settings
from vac_core.vacquery.peers import canonical

_RELEASED: Final = 1767225600
"""2026-01-01 in Unix seconds: a clock that shows less is wrong."""

_MIB: Final = 1024 * 1024
_PRIVATE: Final = 0o077


def clock(now: float | None = None) -> Iterator[Finding]:
    """Whether the clock shows a time that can be, and whether something keeps it right."""
    now = time.time() if now is None else now
    if now < _RELEASED:
        yield problem(
            "clock", f"it shows {now:.0f}, long ago", "set the host's clock, with chrony or systemd-timesyncd"
        )
        return
    program = shutil.which("timedatectl")
    said = _output([program, "show", "--property=NTPSynchronized", "--value"]) if program else ""
    if said == "no":
        yield warning("clock", "it is not synchronised", "enable chrony or systemd-timesyncd")
    elif said == "yes":
        yield ok("clock", "synchronised")
    else:
        yield ok("clock", "plausible; whether it is synchronised is not known here")


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def name(settings: Settings) -> Iterator[Finding]:
    """Whether peers can know this factory by its name."""
    own = own_name(settings)
    if own in {"localhost", "localhost.localdomain", ""}:
        yield problem("name", f"this factory is called '{own}'", "set factory_name in [settings] to a name of its own")
    elif "." not in own:
        yield warning("name", f"{own} has no domain, which Vac 3 peers expect", "set factory_name in [settings]")
    elif settings.factories and own not in {canonical(peer.name, own) for peer in settings.factories}:
        yield warning(
            "name", f"{own} is not among factories", "add it to factories at the other factories of the space"
        )
    else:
        yield ok("name", own)


def state_directory(path: Path) -> Iterator[Finding]:
    """Whether the factory's directory is there, private and writable."""
    what = "state directory"
    try:
        about = path.stat()
    except FileNotFoundError:
        parent = next(one for one in path.absolute().parents if one.exists())
        if os.access(parent, os.W_OK):
            yield ok(what, f"{path} will be made")
        else:
            yield problem(what, f"{path} is not there", f"make it for the factory's user, or write to {parent}")
        return
    except OSError as error:
        yield problem(what, f"{path}: {error.strerror}", "run this as the factory's user")
        return
    if not stat.S_ISDIR(about.st_mode):
        yield problem(what, f"{path} is no directory", "name another with --state-dir")
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield problem(what, f"{path} cannot be written by this user", f"run this as its owner (uid {about.st_uid})")
    elif about.st_mode & _PRIVATE:
        mode = stat.S_IMODE(about.st_mode)
        yield problem(what, f"{path} is open to others (mode {mode:04o}), and secrets are in it", f"chmod 700 {path}")
    else:
        yield ok(what, str(path))


def socket_path(path: Path) -> Iterator[Finding]:
    """Whether the control socket's path is short enough for the kernel."""
    length = len(os.fsencode(path.absolute()))
    if length > SOCKET_PATH_MAX:
        yield problem(
            "control socket",
            f"{path} has {length} octets, and a Unix socket's path at most {SOCKET_PATH_MAX}",
            "use a state directory with a shorter name",
        )
    else:
        yield ok("control socket", str(path))


def disk(state_dir: Path, settings: Settings) -> Iterator[Finding]:
    """Whether there is room where machines are kept."""
    there = next(one for one in (state_dir.absolute(), *state_dir.absolute().parents) if one.exists())
    about = os.statvfs(there)
    free = about.f_bavail * about.f_frsize // _MIB
    mend = f"make room at {there}, or lower min_disk_free_mb in [settings]"
    if free < settings.min_disk_free_mb:
        yield problem("disk", f"{free} MiB free at {there}, under min_disk_free_mb = {settings.min_disk_free_mb}", mend)
    elif about.f_files and not about.f_favail:
        yield problem("disk", f"no free inodes at {there}", f"remove files at {there}")
    else:
        yield ok("disk", f"{free} MiB free at {there}")


def ports(settings: Settings, *, running: bool) -> Iterator[Finding]:
    """Whether the responder's and the HTTP service's ports can be had; a running factory holds them itself."""
    wanted = (
        ("UDP port", socket.SOCK_DGRAM, settings.vacquery_address, settings.vacquery_port, "vacquery_port"),
        ("TCP port", socket.SOCK_STREAM, settings.http_address, settings.http_port, "http_port"),
    )
    for what, kind, address, port, option in wanted:
        if running:
            yield ok(what, f"{port or 'a free one'}, held by the running factory")
        else:
            yield _port(what, kind, address, port, option)


def _port(what: str, kind: socket.SocketKind, address: str, port: int, option: str) -> Finding:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where = f"{address or 'any address'} port {port}"
    try:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind is socket.SOCK_STREAM))
            probe.bind((address, port))
    except PermissionError:
        mend = f"run as root, give CAP_NET_BIND_SERVICE, or set {option} to one from 1024 on"
        return problem(what, f"{where}: this user may not use it", mend)
    except OSError as error:
        mend = f"end what uses it, or set another {option} in [settings]"
        return problem(what, f"{where}: {error.strerror or error}", mend)
    return ok(what, f"{where} is free")
