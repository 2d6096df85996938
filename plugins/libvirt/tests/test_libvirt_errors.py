"""libvirt's errors become a few of ours, with a mend; a lost connection is told from a refusal."""

from __future__ import annotations

import libvirt
import pytest
from vac_libvirt.errors import RefusedError, UnreachableError, explained, is_gone


def error(code: int, domain: int, message: str) -> libvirt.libvirtError:
    """An error as libvirt's module makes it of the library's."""
    made = libvirt.libvirtError(message)
    made.err = (code, domain, message, 2, None, None, None, -1, -1)
    return made


@pytest.mark.parametrize(
    ("code", "domain", "message", "mend"),
    [
        (38, 7, "Failed to connect socket to '/run/x': No such file or directory", "start libvirtd"),
        (38, 7, "Failed to connect socket to '/run/x': Permission denied", "let the factory's user use libvirt"),
        (1, 7, "internal error: client socket is closed", "look in libvirt's log"),
        (39, 7, "internal error: connection closed due to keepalive timeout", "libvirtd hangs"),
        (5, 0, "no connection driver available for foo:///", "mend uri"),
        (45, 0, "authentication failed: polkit", "into the group libvirt"),
    ],
)
def test_a_lost_connection_is_told_from_all_else(code: int, domain: int, message: str, mend: str) -> None:
    told = explained(error(code, domain, message), "machine 1 cannot be started")
    assert isinstance(told, UnreachableError)
    assert str(told).startswith(f"no connection to libvirt: {message}: ")
    assert mend in str(told)


@pytest.mark.parametrize(
    ("message", "mend"),
    [
        ("internal error: qemu unexpectedly closed the monitor: Could not open '/x': Permission denied", "QEMU's user"),
        ("unable to map backing store for guest RAM: Cannot allocate memory", "free memory of the host"),
        (
            "PCI device 0000:3b:00.0 is in use by driver QEMU, domain x",
            "let go of it",
        ),
        ("Network not found: no network with matching name 'x'", "mend network in [plugin libvirt]"),
        ("something new\nin two lines", "look in libvirt's log"),
    ],
)
def test_a_refusal_says_what_was_being_done_and_the_mend(message: str, mend: str) -> None:
    told = explained(error(1, 10, message), "machine 1 cannot be started")
    assert isinstance(told, RefusedError)
    assert str(told).startswith("machine 1 cannot be started: libvirt says: ")
    assert mend in str(told)
    assert "\n" not in str(told)


def test_a_domain_that_has_ended_is_no_trouble() -> None:
    assert is_gone(error(libvirt.VIR_ERR_NO_DOMAIN, 10, "Domain not found"))
    assert not is_gone(error(libvirt.VIR_ERR_OPERATION_INVALID, 10, "cgroup CPU controller is not mounted"))
    assert not is_gone(error(libvirt.VIR_ERR_OPERATION_FAILED, 10, "no"))
