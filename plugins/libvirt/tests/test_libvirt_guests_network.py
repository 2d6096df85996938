"""What a real virtual machine gets of its network, through the real daemon; and what it does not get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from guest_host import GuestHost, guest_host, outputs
from network_lab import HOST_OUTSIDE, OUTSIDE, answering
from system.daemon_kit import shell

from vac_core.testing.box import box, cable

pytestmark = pytest.mark.system

SSH = 22

SCRIPT = shell(
    "outputs=##user_data_joboutputs_url##",
    "tells() { timeout 10 nc $1 $2 </dev/null >/dev/null 2>&1 && echo yes || echo no; }",
    f'put $outputs/outside "$(get http://{OUTSIDE}/)"',
    f'put $outputs/port_outside "$(tells {OUTSIDE} {SSH})"',
    f'put $outputs/port_of_gateway "$(tells 169.254.169.253 {SSH})"',
    f'put $outputs/port_of_host "$(tells {HOST_OUTSIDE} {SSH})"',
    'own=$(ip -4 addr show dev eth0 | sed -n "s/^ *inet \\([0-9.]*\\).*/\\1/p")',
    "ip addr flush dev eth0",
    "ip addr add 169.254.169.77/16 dev eth0",
    "forged=$(timeout 10 wget -q -O - http://169.254.169.254/jobfeatures/job_id)",
    "ip addr flush dev eth0",
    "ip addr add $own/16 dev eth0",
    'put $outputs/own "$own"',
    'put $outputs/forged "${forged:-nothing}"',
    'put $outputs/shutdown_message "200 looked around"',
)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GuestHost]:
    """A host with somebody outside, to whom both answer on the port of ssh."""
    with guest_host(tmp_path / "f") as one, box("outside.vac.test") as outside, ExitStack() as stack:
        cable(one.libvirt.box, "eth0", outside, "eth0")
        for at, address in ((one.libvirt.box, HOST_OUTSIDE), (outside, OUTSIDE)):
            at.run(["ip", "address", "add", f"{address}/24", "dev", "eth0"])
            stack.enter_context(answering(at, SSH))
        stack.enter_context(answering(outside, 80))
        yield one


def test_a_machine_reaches_the_outside_and_nothing_of_this_host_and_cannot_forge_its_address(host: GuestHost) -> None:
    host.write_site(host.tiny("lhcb", SCRIPT), "max_starting = 1\ntotal_processors = 1\n")
    host.daemon.start()
    machine_id = host.daemon.wait_for(event_what="created", machinetype="lhcb")["machine_id"]
    host.daemon.control.post("/drain", {"reason": "one is enough"})
    host.daemon.wait_for(event_what="cleared", machine_id=machine_id)
    found = outputs(host, machine_id)
    assert found.pop("shutdown_message") == "200 looked around", host.console(machine_id)
    assert found == {
        "outside": HOST_OUTSIDE,
        "port_outside": "yes",
        "port_of_gateway": "no",
        "port_of_host": "no",
        "own": "169.254.169.0",
        "forged": "nothing",
    }
