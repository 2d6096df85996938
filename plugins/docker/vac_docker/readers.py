"""Readers of options that only containers have."""

from __future__ import annotations

import difflib
import re
import shlex
from typing import Final

from vac_core.config.read import words
from vac_core.options import OptionValueError
from vac_docker.values import Device, Gpu

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")

_USER = re.compile(r"(?:[a-z_][a-z0-9_-]{0,31}|[0-9]{1,10})(?::(?:[a-z_][a-z0-9_-]{0,31}|[0-9]{1,10}))?")
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_CAPABILITIES: Final = frozenset(
    [
        "AUDIT_CONTROL",
        "AUDIT_READ",
        "AUDIT_WRITE",
        "BLOCK_SUSPEND",
        "BPF",
        "CHECKPOINT_RESTORE",
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "IPC_LOCK",
        "IPC_OWNER",
        "KILL",
        "LEASE",
        "LINUX_IMMUTABLE",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "MKNOD",
        "NET_ADMIN",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_RAW",
        "PERFMON",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYSLOG",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_CHROOT",
        "SYS_MODULE",
        "SYS_NICE",
        "SYS_PACCT",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "WAKE_ALARM",
    ]
)
"""Those of capabilities(7)."""
_DEVICE = re.compile(r"(?P<path>/dev/[^:\s]+)(?::(?P<inside>/dev/[^:\s]+))?(?::(?P<may>r?w?m?))?")
_GPU = re.compile(r"[0-9]+|GPU-[0-9a-f-]+|MIG-[0-9A-Za-z/-]+|/dev/[^:\s+]+(?:\+/dev/[^:\s+]+)*")


def arguments(raw: str) -> tuple[str, ...]:
    """Words as a shell parts them, with quotes; nothing is substituted."""
    try:
        found = tuple(shlex.split(raw))
    except ValueError as problem:
        raise OptionValueError(f"{str(problem).lower()}", "close each quote that is opened") from None
    if any("\0" in word for word in found):
        raise OptionValueError("a word holds the character NUL", "remove it")
    return found


def variables(raw: str) -> tuple[tuple[str, str], ...]:
    """``NAME=VALUE`` words."""
    found = []
    for word in arguments(raw):
        name, equals, value = word.partition("=")
        if not equals or VARIABLE.fullmatch(name) is None:
            raise OptionValueError(f"{word!r} sets no variable", "write NAME=VALUE with letters, digits and _ in NAME")
        found.append((name, value))
    return tuple(found)


def digests(raw: str) -> tuple[str, ...]:
    """Digests of images."""
    found = words(raw)
    for one in found:
        if DIGEST.fullmatch(one) is None:
            raise OptionValueError(f"'{one}' is no digest", "write sha256: and 64 digits of hexadecimal")
    return found


def host_path(raw: str) -> str:
    """An absolute path on the host."""
    path = raw.strip()
    if not path.startswith("/") or "\0" in path or ".." in path.split("/") or path == "/":
        raise OptionValueError(f"'{raw}' is no absolute path", "write a path that begins with / and has no ..")
    return path


def user_name(raw: str) -> str:
    """A user, or a user and a group, by name or number."""
    if _USER.fullmatch(raw.strip()) is None:
        raise OptionValueError(f"'{raw}' is no user", "write USER or USER:GROUP, by name or number")
    return raw.strip()


def network_name(raw: str) -> str | None:
    """A network of the engine; the host's own, and another container's, cannot be had."""
    name = raw.strip()
    if name in {"", "default", "bridge"}:
        return None
    if name == "host":
        raise OptionValueError("a machine may not be on the host's own network", "name a network of the engine's")
    if _NETWORK.fullmatch(name) is None:
        raise OptionValueError(f"'{raw}' is no network", "write the name of one of the engine's networks, or none")
    return name


def capabilities(raw: str) -> tuple[str, ...]:
    """Capabilities, with or without CAP_; see capabilities(7)."""
    found = []
    for word in words(raw.upper()):
        name = word.removeprefix("CAP_")
        if name not in _CAPABILITIES:
            near = difflib.get_close_matches(name, sorted(_CAPABILITIES), n=1)
            mend = f"did you mean {near[0]}?" if near else "name each one that is needed, such as CHOWN"
            raise OptionValueError(f"'{word}' is no capability", mend)
        found.append(name)
    return tuple(found)


def device_list(raw: str) -> tuple[Device, ...]:
    """Devices of the host."""
    return tuple(_device(word) for word in words(raw))


def _device(word: str) -> Device:
    match = _DEVICE.fullmatch(word)
    if match is None or ".." in word.split("/") or match["may"] == "":
        raise OptionValueError(f"'{word}' is no device", "write /dev/NAME, /dev/NAME:/dev/INSIDE or /dev/NAME:rw")
    return Device(match["path"], match["inside"] or match["path"], match["may"] or "rwm")


def gpu_list(raw: str) -> tuple[Gpu, ...]:
    """GPUs, each once."""
    found = words(raw)
    for one in found:
        if _GPU.fullmatch(one) is None or ".." in re.split(r"[/+]", one):
            raise OptionValueError(f"'{one}' is no GPU", "write its number or UUID, or /dev/A+/dev/B")
        if found.count(one) > 1:
            raise OptionValueError(f"'{one}' stands there twice", "name each GPU once: each is lent once")
    return tuple(map(Gpu, found))
