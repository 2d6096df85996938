"""BOINC's real client in a Debian guest under QEMU, which has its context by the real cloud-init."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest
from boinc_project import KEY, WORKS, Project, project
from boinc_secrecy import command_lines, holding, packed
from engines import needed
from image_server import wait_until

needed("libvirt")

from cloud_guest import CMDLINE, cloud_guest  # noqa: E402 - they want the package too
from guest_host import DISKS, PLUGIN, GuestHost, guest_host, outputs  # noqa: E402
from vac_boinc.account import KEY as ACCOUNT_KEY  # noqa: E402
from vac_boinc.account import Account, account_file  # noqa: E402
from vac_boinc.client_files import Wishes, client_files  # noqa: E402

from vac_core.testing import machine  # noqa: E402

pytestmark = [pytest.mark.system, pytest.mark.timeout(3000)]

PACKAGES: Final = ("boinc-client", "python3")
DISK_MB: Final = 700
MEMORY_MB: Final = 384
TAKES_TIME: Final = f"sleep 3\n{WORKS}"
METADATA: Final = "169.254.169.254"
"""Of the host on its machines' network; the project has a port of its own there."""
SECONDS: Final = 1200.0
"""Emulated processors that other tests share may take long."""


@attrs.define
class Ended:
    """What is left of two guests, one after the other in one slot."""

    project: Project
    machines: list[dict[str, object]]
    outputs: list[dict[str, str]]
    consoles: list[str]
    history: str
    """What ``vac history`` says of the first."""
    held: list[Path]
    """Files with the key while the first guest worked."""
    readable: list[Path]
    """Those of them that others could have read."""
    kept: list[Path]
    """Those that have it in the end."""
    told: list[str]
    """What the daemon has logged, and all command lines while the first guest worked."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    directory = tmp_path_factory.mktemp("boinc") / "f"
    with guest_host(directory) as host, project([TAKES_TIME], "0.0.0.0", host.libvirt.box.call) as served:
        served.name = f"{METADATA}:{served.port}"
        host.write_site(section(host, served), "total_processors = 1\n", PLUGIN + "guest_isolation = no\n")
        host.daemon.start()
        served.wait_for(lambda: served.hosts, SECONDS)
        needles = secrets(served)
        places = [host.daemon.state.machines, host.libvirt.box.path(DISKS)]
        held = [one for place in places for one in holding(needles, place)]
        readable = [one for place in places for one in holding(needles, place, by_others=True)]
        told = [one.decode("utf-8", "replace") for one in command_lines()]
        wait_until(lambda: len(host.daemon.events("created")) >= 2, SECONDS)
        host.daemon.control.post("/drain", {"reason": "two are enough"})
        wait_until(lambda: len(host.daemon.events("cleared")) >= 2, SECONDS)
        ids = [event["machine"]["id"] for event in host.daemon.events("cleared")]
        yield Ended(
            served,
            [event["machine"] for event in host.daemon.events("cleared")],
            [outputs(host, one) for one in ids],
            [host.console(one) for one in ids],
            host.daemon.cli("history", "--machine", ids[0], "--json").stdout,
            held,
            readable,
            [one for place in (*places, host.daemon.state.machines.parent) for one in holding(needles, place)],
            [*told, *host.daemon.log],
        )


def section(host: GuestHost, served: Project) -> str:
    debian = cloud_guest(*PACKAGES, disk_mb=DISK_MB)
    host.daemon.directory.mkdir(exist_ok=True)
    key_file = host.daemon.directory.parent / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    options = {
        "target_share": 1,
        "machine_model": "kernel",
        "kernel": debian.kernel,
        "initrd": debian.initrd,
        "root_image": debian.disk,
        "cmdline": CMDLINE,
        "mb_per_processor": MEMORY_MB,
        "disk_gb_per_processor": 1,
        "context": "nocloud",
        "contextualiser": "boinc-client",
        "backoff_seconds": 0,
        "boinc_project_url": served.url,
        "boinc_account_key_file": key_file,
        "boinc_benchmarks": "no",
    }
    return "\n".join(["[machinetype home]", *(f"{name} = {value}" for name, value in options.items()), ""])


def secrets(served: Project) -> list[bytes]:
    """The key, by itself and as cloud-config has it."""
    account = Account(served.url, ACCOUNT_KEY, Path())
    files = client_files(machine(), account, KEY, factory="", wishes=Wishes())
    return [KEY.encode(), packed(files[account_file(served.url)])]


def test_a_guest_does_a_task_and_claims_its_credit(ended: Ended) -> None:
    outcome = str(ended.machines[0]["outcome"])
    assert outcome.startswith("200 Success (1 tasks, "), ended.consoles[0][-4000:]
    assert ended.project.reported == [("wu_1_0", 5, 0)]
    assert any("done" in one for one in ended.project.uploaded)
    assert outcome in ended.history
    told = json.loads(ended.outputs[0]["boinc.json"])
    assert [(task["name"], task["exit_status"]) for task in told["tasks"]] == [("wu_1_0", 0)]
    assert told["claimed_credit"] > 0
    assert f"{told['claimed_credit']:.6g} credit claimed" in outcome
    assert "Scheduler request completed" in ended.outputs[0]["boinc.log"]


def test_the_next_guest_in_the_slot_is_the_same_host_to_the_project(ended: Ended) -> None:
    assert ended.machines[1]["outcome"] == "300 Nothing to do", ended.consoles[1][-4000:]
    assert len(ended.project.hosts) >= 3
    assert len(set(ended.project.hosts)) == 1


def test_nobody_else_on_the_host_has_seen_the_key(ended: Ended) -> None:
    assert ended.held
    assert ended.readable == []
    assert ended.kept == []
    assert [one for one in ended.told if KEY in one] == []
    assert [one for one in ended.consoles if KEY in one] == []
