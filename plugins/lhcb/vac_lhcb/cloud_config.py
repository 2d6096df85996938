"""A pilot's run as ``#cloud-config``: what virtual machines of today are given as their user data."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Final

from vac_core.config.schema import MachineType
from vac_core.context import programs
from vac_core.context.programs import WrittenFile
from vac_lhcb.options import machine_options
from vac_lhcb.script import inside

PROGRAM_DIR: Final = "/usr/local/libexec/vac-lhcb"
SETTINGS_DIR: Final = "/etc/vac-lhcb"
AT_FIRST_BOOT: Final = "/var/lib/cloud/scripts/per-instance/vac-lhcb"
"""cloud-init runs what is there last of all, once in a machine's life."""
_START: Final = "start.sh"


def cloud_config(
    machinetype: MachineType, settings: bytes, secrets: Mapping[str, bytes], pilot: Mapping[str, bytes]
) -> bytes:
    """The whole user data."""
    options = machine_options(machinetype)
    start = resources.files("vac_lhcb.inside").joinpath(_START).read_bytes()
    files = (
        *(WrittenFile(f"{PROGRAM_DIR}/{name}", text.encode()) for name, text in inside().items()),
        WrittenFile(AT_FIRST_BOOT, start, 0o755),
        WrittenFile(f"{SETTINGS_DIR}/settings.json", settings),
        *(WrittenFile(f"{SETTINGS_DIR}/{name}", content, 0o600) for name, content in secrets.items()),
        *(WrittenFile(f"{SETTINGS_DIR}/{name}", content) for name, content in pilot.items()),
        WrittenFile("/etc/cvmfs/default.local", _cvmfs(machinetype).encode()),
    )
    return programs.cloud_config(
        files,
        fs_setup=[{"device": f"/dev/{machinetype.scratch_device}", "filesystem": "ext4", "partition": "none"}],
        mounts=[[f"/dev/{machinetype.scratch_device}", "/scratch", "auto", "defaults,nofail"]],
        users=["default", {"name": options.dirac_user, "lock_passwd": True, "shell": "/bin/bash"}],
    )


def _cvmfs(machinetype: MachineType) -> str:
    """CVMFS's own settings; ``auto`` finds the proxies by WPAD."""
    proxy = machine_options(machinetype).dirac_cvmfs_proxy or machinetype.user_data_option.get("cvmfs_proxy", "auto")
    lines = {"CVMFS_HTTP_PROXY": "auto;DIRECT" if proxy == "auto" else proxy}
    if proxy == "auto":
        lines["CVMFS_PAC_URLS"] = "http://grid-wpad/wpad.dat;http://wpad/wpad.dat;http://cernvm-wpad.cern.ch/wpad.dat"
    if machinetype.cvmfs_repositories:
        lines["CVMFS_REPOSITORIES"] = ",".join(machinetype.cvmfs_repositories)
    return "".join(f"{name}={_quoted(value)}\n" for name, value in lines.items())


def _quoted(value: str) -> str:
    """As a shell reads it, which reads that file."""
    return "'" + value.replace("'", "'\\''") + "'"
