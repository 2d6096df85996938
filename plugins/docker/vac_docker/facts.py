"""What is known of an engine, from its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

_ABSENT: Final = {"", "N/A"}
_LIMITS: Final = (
    ("MemoryLimit", "memory"),
    ("SwapLimit", "swap"),
    ("CpuCfsQuota", "CPU quota"),
    ("CPUShares", "CPU shares"),
    ("PidsLimit", "pids"),
)


@attrs.frozen(kw_only=True)
class Facts:
    """An engine as it was when it was asked last."""

    product: str = "Docker"
    version: str = ""
    api: str = "1.41"
    """The version of the API that is spoken with it."""
    driver: str = ""
    """Its storage driver."""
    cgroup: str = ""
    """1 or 2."""
    rootless: bool = False
    userns: bool = False
    """Whether root inside is another user outside."""
    seccomp: bool = True
    """Whether it filters the system calls of containers by its own profile."""
    init: bool = False
    """Whether it has a program that stands in as process 1, and hands signals on."""
    runtimes: frozenset[str] = frozenset()
    limits: frozenset[str] = frozenset()
    """What it can limit."""
    lacks: frozenset[str] = frozenset()
    """What it says that it cannot limit."""

    @property
    def podman(self) -> bool:
        """Whether it is Podman behind Docker's API."""
        return self.product == "Podman"

    def __str__(self) -> str:
        parts = [f"{self.product} {self.version}", f"storage {self.driver or 'unknown'}", f"cgroup v{self.cgroup}"]
        parts += ["rootless"] * self.rootless + ["user namespaces"] * self.userns
        parts += [] if self.init else ["no init program, so that process 1 itself must heed SIGTERM"]
        return f"{', '.join(parts)}; limits that hold: {', '.join(sorted(self.limits)) or 'none'}"


def facts(version: Mapping[str, Any], info: Mapping[str, Any], api: str) -> Facts:
    """Read the answers to ``/version`` and ``/info``; what an engine does not say is taken as absent."""
    components = {part.get("Name", ""): part.get("Version", "") for part in version.get("Components") or ()}
    podman = any(name.startswith("Podman") for name in components)
    security = [str(option) for option in info.get("SecurityOptions") or ()]
    limits = {name for key, name in _LIMITS if info.get(key)}
    return Facts(
        product="Podman" if podman else "Docker",
        version=str(version.get("Version", "")),
        api=api,
        driver=str(info.get("Driver") or ""),
        cgroup=str(info.get("CgroupVersion") or "1"),
        rootless=_names(security, "rootless"),
        userns=_names(security, "userns") or _names(security, "rootless"),
        seccomp=not security or any("name=seccomp" in one and "unconfined" not in one for one in security),
        init=components.get("docker-init", "") not in _ABSENT or (podman and bool(info.get("InitBinary"))),
        runtimes=frozenset(info.get("Runtimes") or ()),
        limits=frozenset(limits),
        lacks=frozenset(name for key, name in _LIMITS if key in info and not info[key]),
    )


def _names(options: list[str], name: str) -> bool:
    return any(option.split(",")[0] == f"name={name}" for option in options)
