"""What a BOINC application for VirtualBox asks of its machine: reading ``vbox_job.xml``.

Its elements are those of samples/vboxwrapper/vboxjob.cpp. What nobody knows is passed over, as its wrapper does; what
contradicts itself is refused.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import attrs
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

_log = logging.getLogger(__name__)

MOST_OCTETS: Final = 1048576
ROOT: Final = "vbox_job"
LEAST_MEMORY_MB: Final = 512.0


class JobError(Exception):
    """An application's job file cannot be used. The message says what, and the mend."""


def _plain_name(raw: str) -> str:
    """The name of a file in the shared directory: no way out of it."""
    if not raw or raw in {".", ".."} or "/" in raw or "\0" in raw:
        raise ValueError(f"'{raw}' is no name of a file")
    return raw


def _number(raw: str) -> float:
    value = float(raw)
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"'{raw}' is no number of 0 or more")
    return value


def _yes(raw: str) -> bool:
    return raw in {"", "1"} or (raw.isdigit() and int(raw) != 0)


def _field(read: Callable[[str], Any], default: Any) -> Any:
    return attrs.field(default=default, metadata={"read": read})


@attrs.frozen
class Forward:
    """A port of the host that leads to one of the guest."""

    guest_port: int
    host_port: int = 0
    """0 for any that is free."""
    is_remote: bool = False
    """Whether other hosts may use it."""
    nports: int = 1


@attrs.frozen(kw_only=True)
class VboxJob:
    """The parts that mean something without VirtualBox. Times are in seconds while the machine is not held."""

    os_name: str = _field(str, "")
    memory_size_mb: float = _field(lambda raw: max(_number(raw), LEAST_MEMORY_MB), 0.0)
    """0 where it says nothing of it."""
    job_duration: float = _field(_number, 0.0)
    minimum_heartbeat_interval: float = _field(_number, 600.0)
    heartbeat_filename: str = _field(_plain_name, "")
    fraction_done_filename: str = _field(_plain_name, "")
    completion_trigger_file: str = _field(_plain_name, "")
    temporary_exit_trigger_file: str = _field(_plain_name, "")
    enable_network: bool = _field(_yes, False)
    enable_shared_directory: bool = _field(_yes, False)
    enable_scratch_directory: bool = _field(_yes, False)
    share_slot_dir: bool = _field(_yes, False)
    share_project_dir: bool = _field(_yes, False)
    enable_floppyio: bool = _field(_yes, False)
    enable_cern_dataformat: bool = _field(_yes, False)
    enable_isocontextualization: bool = _field(_yes, False)
    copy_to_shared: tuple[str, ...] = ()
    ports: tuple[Forward, ...] = ()
    unheeded: tuple[str, ...] = ()
    """Elements of `UNHEEDED` that it has, which no machine of a factory's is given."""

    @property
    def shares_directory(self) -> bool:
        """Whether it and its host talk by a directory."""
        return self.enable_shared_directory or self.share_slot_dir


UNHEEDED: Final = {
    "boot_iso": "what is booted is the machinetype's root_image",
    "copy_cmdline_to_shared": "there is no command line",
    "enable_scratch_directory": "the machine's own disk is its scratch space",
    "enable_vm_savestate_usage": "a machine that ends is gone, with its state",
    "intermediate_upload_file": "outputs are kept when the machine has ended",
    "network_bridged_mode": "the hypervisor's own options say what network machines have",
    "pf_guest_port": "no port of the host leads into a machine",
    "port_forward": "no port of the host leads into a machine",
    "share_project_dir": "there is no project's directory",
    "trickle_trigger_file": "there is no project's server to which trickles could go",
}
"""What an application may ask of its wrapper that nobody does for it here, and why."""

_ELSEWHERE: Final = frozenset(
    {
        "vm_disk_controller_type", "vm_disk_controller_model", "vm_network_driver", "multiattach_vdi_file",
        "vram_size_mb", "minimum_checkpoint_interval", "enable_nat_dns_host_resolver", "enable_cache_disk",
        "enable_remotedesktop", "enable_screenshots_on_error", "enable_graphics_support",
        "disable_automatic_checkpoints", "pf_host_port",
    }
)  # fmt: skip
"""Elements that are VirtualBox's or the volunteers' client's own affair."""


def parse(raw: bytes) -> VboxJob:
    """Read a ``vbox_job.xml``. Raises `JobError`."""
    if len(raw) > MOST_OCTETS:
        raise JobError(f"it is larger than {MOST_OCTETS} octets: it cannot be a vbox_job.xml")
    try:
        root = fromstring(raw, forbid_dtd=True)
    except DefusedXmlException:
        raise JobError("it declares entities or a document type: take that out") from None
    except (ParseError, ValueError, LookupError) as error:
        raise JobError(f"it is not XML: {error}") from None
    if root.tag != ROOT:
        raise JobError(f"its outermost element is <{root.tag}>: it must be <{ROOT}>")
    copied = tuple(_value("copy_to_shared", one.text, _plain_name) for one in root.findall("copy_to_shared"))
    unheeded = tuple(sorted({one.tag for one in root if one.tag in UNHEEDED and _asks(one)}))
    job = VboxJob(**dict(_values(root)), copy_to_shared=copied, ports=tuple(_ports(root)), unheeded=unheeded)
    _refuse_contradictions(job)
    return job


def _values(root: Element) -> Iterator[tuple[str, Any]]:
    readers = {field.name: field.metadata["read"] for field in attrs.fields(VboxJob) if "read" in field.metadata}
    others = _ELSEWHERE | UNHEEDED.keys() | {"copy_to_shared"}
    for element in root:
        if element.tag in readers:
            yield element.tag, _value(element.tag, element.text, readers[element.tag])
        elif element.tag not in others:
            _log.warning("vbox_job.xml: <%s> is not known, and left out", element.tag)


def _asks(element: Element) -> bool:
    """Whether it is more than a 0, which turns a wish off."""
    return len(element) > 0 or (element.text or "").strip() != "0"


def _value(name: str, text: str | None, read: Callable[[str], Any]) -> Any:
    try:
        return read((text or "").strip())
    except ValueError as error:
        raise JobError(f"<{name}>: {error}") from None


def _port(raw: str) -> int:
    port = int(raw)
    if not 0 <= port <= 65535:
        raise ValueError(f"{port} is no port")
    return port


def _ports(root: Element) -> Iterator[Forward]:
    guest, host = (root.findtext(name, "0").strip() for name in ("pf_guest_port", "pf_host_port"))
    if guest != "0":
        yield Forward(_value("pf_guest_port", guest, _port), _value("pf_host_port", host, _port))
    for one in root.findall("port_forward"):
        yield Forward(
            _value("guest_port", one.findtext("guest_port"), _port),
            _value("host_port", one.findtext("host_port", "0"), _port),
            one.find("is_remote") is not None and _yes((one.findtext("is_remote") or "").strip()),
            _value("nports", one.findtext("nports", "1"), int),
        )


def _refuse_contradictions(job: VboxJob) -> None:
    wrong = (
        (job.share_slot_dir and job.enable_shared_directory, "share_slot_dir with enable_shared_directory"),
        (job.share_slot_dir and job.copy_to_shared, "share_slot_dir with copy_to_shared"),
        (
            job.copy_to_shared and not job.shares_directory,
            "copy_to_shared without enable_shared_directory",
        ),
        (job.share_project_dir and job.enable_scratch_directory, "share_project_dir with enable_scratch_directory"),
    )
    for holds, what in wrong:
        if holds:
            raise JobError(f"{what}: BOINC's wrapper refuses that too: leave one of them out")
