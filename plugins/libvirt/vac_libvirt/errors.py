"""libvirt's errors as a few of our own, each with its mend."""

from __future__ import annotations

from typing import Final

import libvirt

from vac_core.interfaces import PluginError


class UnreachableError(PluginError):
    """There is no connection to libvirt, or it was lost during the call."""


class RefusedError(PluginError):
    """libvirt or QEMU did not do what it was asked."""


_LOST: Final = frozenset(
    {
        libvirt.VIR_ERR_RPC,
        libvirt.VIR_ERR_INVALID_CONN,
        libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
    }
)
_LOST_IN: Final = frozenset({libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_POLKIT})

_MENDS: Final = (
    ("keepalive", "libvirtd hangs: look at its log, and start it again; machines go on"),
    ("no connection driver available", "mend uri in [plugin libvirt]"),
    ("authentication", "let the factory's user use libvirt: run it as root, or put it into the group libvirt"),
    ("Permission denied", "let QEMU's user reach that file, or let the factory's user use libvirt"),
    ("Failed to connect socket", "start libvirtd (systemctl start libvirtd), or mend uri in [plugin libvirt]"),
    ("Cannot allocate memory", "free memory of the host, or let fewer machines run"),
    ("unable to map backing store", "reserve huge pages (vm.nr_hugepages), or remove hugepages from the machinetype"),
    ("Network is already in use by interface", "set another subnet in [plugin libvirt], or take that address away"),
    ("in use by", "let go of it there, or take it out of hostdevs"),
    ("Failed to bind PCI device", "see that the device and its IOMMU group may be lent (docs: GPUs)"),
    ("host doesn't support passthrough of host PCI devices", "turn on the IOMMU in the firmware and the kernel"),
    ("Network not found", "make that network, or mend network in [plugin libvirt]"),
    ("Cannot get interface MTU", "make that bridge, or mend bridge in [plugin libvirt]"),
    ("cgroup CPU controller is not mounted", "let libvirt have the cpu controller of cgroups"),
    ("Active console session exists", "end the conversation there, or take it over with --force"),
    ("No space left on device", "free some space"),
    ("could not find capabilities", "install QEMU for this architecture, or mend virt_type in [plugin libvirt]"),
    ("does not support", "use options that this QEMU supports"),
)


def explained(error: libvirt.libvirtError, what: str = "") -> PluginError:
    """What happened, in a line, as an error of ours."""
    said = " ".join((error.get_error_message() or str(error)).split())
    mend = next((mend for sign, mend in _MENDS if sign in said), "look in libvirt's log for more")
    if is_lost(error):
        return UnreachableError(f"no connection to libvirt: {said}: {mend}")
    return RefusedError(f"{what}: libvirt says: {said}: {mend}" if what else f"libvirt says: {said}: {mend}")


def is_lost(error: libvirt.libvirtError) -> bool:
    """Whether it means that there is no connection any more."""
    return error.get_error_code() in _LOST or (
        error.get_error_code() in {libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR}
        and error.get_error_domain() in _LOST_IN
    )


def is_gone(error: libvirt.libvirtError) -> bool:
    """Whether it means that the domain is not there, or no more."""
    return bool(error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN)
