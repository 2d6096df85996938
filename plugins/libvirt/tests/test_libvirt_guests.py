"""Real virtual machines through the real daemon: they boot, read their context, call home, and end in every way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from guest_host import GuestHost, guest_host
from system.daemon_kit import shell

pytestmark = pytest.mark.system

HOME = "outputs=##user_data_joboutputs_url##"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GuestHost]:
    with guest_host(tmp_path / "f") as one:
        yield one


def test_a_guest_reads_its_context_calls_home_and_powers_off(host: GuestHost) -> None:
    script = shell(
        HOME,
        'put $outputs/heartbeat "$(cat /proc/uptime)"',
        "cpus=$(get ##user_data_jobfeatures_url##/allocated_cpu)",
        "total=$(get ##user_data_machinefeatures_url##/total_cpu)",
        'put $outputs/hostname "$(hostname)"',
        'put $outputs/shutdown_message "200 did it on $cpus of $total"',
    )
    host.write_site(host.tiny("lhcb", script), "max_starting = 1\n")
    host.daemon.start()
    cleared = host.daemon.wait_for(event_what="cleared")
    assert cleared["machine_outcome"] == "200 did it on 1 of 2"
