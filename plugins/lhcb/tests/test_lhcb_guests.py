"""A virtual machine, a real Debian with the real cloud-init, lives a pilot's life from its user data to its outcome."""

from __future__ import annotations

import json
import re
import sys
from typing import Final

import pilot_kit
import pytest
from certificates import Authority
from engines import needed
from image_server import wait_until

needed("libvirt")

from cloud_guest import CMDLINE, MEMORY_MB, cloud_guest  # noqa: E402 - they want the package too
from guest_host import PLUGIN, guest_host, outputs  # noqa: E402

pytestmark = [pytest.mark.system, pytest.mark.timeout(3000)]

SECONDS: Final = 1200.0
"""Emulated processors that other tests share may take long."""
PORT: Final = 8000
LOGS: Final = {
    "drained": (pilot_kit.stopped("Node is being drained by an operator"), "100 Drained before its shutdown time"),
    "work": (pilot_kit.STARTED + pilot_kit.JOB, "200 Success"),
    "empty": (pilot_kit.STARTED + pilot_kit.NO_MATCH, "300 Nothing to do"),
    "refused": (f"{pilot_kit.STARTED}Error while handshaking\n", "500 Certificate/proxy not acceptable"),
    "unmatched": (pilot_kit.stopped("Matcher Failed"), "600 Matcher Failed"),
    "broken": (pilot_kit.STARTED, "700 Failed, probably JobAgent or Application problem"),
}
"""What a pilot says on each machinetype's machine, and the outcome that comes of it: one of each kind."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """What a guest of each machinetype has left, and its machine; they run at one time."""
    directory = tmp_path_factory.mktemp("lhcb") / "f"
    issued = Authority().issue("vm.example.org")
    with guest_host(directory) as host:
        for name, (said, _) in LOGS.items():
            pilot_kit.publish(directory / "pilots" / name, said)
            files = host.daemon.state.machinetypes / name / "files"
            files.mkdir(parents=True)
            issued.write(files)
        host.libvirt.box.popen([sys.executable, "-m", "http.server", "--directory", directory / "pilots", PORT])
        sections = "".join(section(name) for name in LOGS)
        host.write_site(sections, f"total_processors = {len(LOGS)}\n", PLUGIN + "guest_isolation = no\n")
        host.daemon.start()
        wait_until(lambda: len(host.daemon.events("created")) >= len(LOGS), SECONDS)
        host.daemon.control.post("/drain", {"reason": "one of each is enough"})
        wait_until(lambda: len(host.daemon.events("cleared")) >= len(LOGS), SECONDS)
        machines = [event["machine"] for event in host.daemon.events("cleared")]
        yield {one["machinetype"]: (one, outputs(host, one["id"]), host.console(one["id"])) for one in machines}


def section(name):
    guest = cloud_guest()
    options = {
        "target_share": 1,
        "machine_model": "kernel",
        "contextualiser": "lhcb",
        "kernel": guest.kernel,
        "initrd": guest.initrd,
        "root_image": guest.disk,
        "cmdline": CMDLINE,
        "mb_per_processor": MEMORY_MB,
        "disk_gb_per_processor": 1,
        "context": "nocloud",
        "backoff_seconds": 3600,
        "heartbeat_file": "heartbeat",
        "dirac_site": "VAC.Example.uk",
        "dirac_user": "nobody",
        "dirac_authorities": "/etc",
        "dirac_pilot_urls": f"http://169.254.169.254:{PORT}/{name}",
    }
    return "\n".join([f"[machinetype {name}]", *(f"{key} = {value}" for key, value in options.items()), ""])


@pytest.mark.parametrize("name", LOGS)
def test_the_factory_has_the_pilot_s_outcome(ended, name):
    machine, left, console = ended[name]
    _, said = LOGS[name]
    assert machine["outcome"] == said, console[-4000:]
    assert left["shutdown_message"] == f"{said}\n"


def test_the_pilot_runs_as_a_user_with_a_proxy_of_its_own(ended):
    _, left, console = ended["work"]
    environment = json.loads(re.search(r"environment (.*)", left["dirac-pilot.log"])[1])
    assert environment["X509_USER_PROXY"].startswith(environment["HOME"])
    assert environment["JOBFEATURES"].startswith("http://")
    assert "user nobody" in left["dirac-pilot.log"]
    assert "PRIVATE KEY" not in console + "".join(left.values())


def test_it_knows_who_it_is_and_shows_that_it_lives(ended):
    machine, left, _ = ended["work"]
    stamp = machine["id"].replace("-", "")
    assert f'"DIRAC_PILOT_STAMP": "{stamp}"' in left["dirac-pilot.log"]
    assert len(left["heartbeat"].split()) == 5
