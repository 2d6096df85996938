"""Machines that pull real jobs: a factory, and a real DIRAC server. ``make test-dirac`` runs it."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from dirac_config import CE, PORTS, SITE
from dirac_image import AUTHORITIES, BEGIN, NAME, PILOT, dirac_engine
from dirac_server import DiracServer
from pilot_kit import publish
from system.daemon_kit import Daemon
from vac_grid.source import ProxySource
from vac_grid.terms import ProxyKind

from vac_core.testing import machine

JOB_DEADLINE = 600.0
HERE = Path(__file__).parent

pytestmark = [pytest.mark.system, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with DiracServer(tmp_path_factory.mktemp("dirac")) as running:
        yield running


@pytest.fixture
def pilot_url(tmp_path):
    directory = publish(tmp_path / "pilot", program=(HERE / "dirac-pilot.py").read_text())
    return f"file://{directory}"


@pytest.fixture
def containers(server, tmp_path):
    """Options of machines that are containers; their engine outlives the factory."""
    published = publish(tmp_path / "published", program=(HERE / "dirac-pilot.py").read_text())
    with dirac_engine(server, published) as engine:
        yield {
            "machine_model": "docker",
            "root_image": f"docker://{NAME}",
            "image_pull": "missing",
            "container_command": f"{BEGIN} /user_data",
            "dirac_authorities": f"{AUTHORITIES}/certificates",
            "dirac_drain_seconds": 600,  # a process never drains: it would hold for the whole host
            "dirac_pilot_urls": f"file://{PILOT}",
            "plugin": f"[plugin docker]\nsocket = {engine.url}",
        }


class Site:
    """A factory with one machinetype, whose machines ask the server for jobs."""

    def __init__(self, directory, server, pilot_url, plugin="", **options):
        self.server = server
        self.daemon = Daemon(directory / "vac")
        given = {
            "target_share": 1,
            "machine_model": "process",
            "contextualiser": "lhcb",
            "mb_per_processor": 2048,
            "process_memory": "none",
            "min_processors": 2,  # all of the host's: one machine at a time
            "max_processors": 2,
            "max_wallclock_seconds": 7200,
            "fizzle_seconds": 10,
            "backoff_seconds": 600,
            "heartbeat_file": "heartbeat",
            "heartbeat_seconds": 600,
            "dirac_site": SITE,
            "dirac_ce": CE,
            "dirac_max_cycles": 1,
            "dirac_polling_time": 1,
            "dirac_servers": f"dips://localhost:{PORTS['Configuration/Server']}/Configuration/Server",
            "dirac_pilot_urls": pilot_url,
            "dirac_python": server.python,
            "dirac_authorities": server.trusted,
            **options,
        }
        lines = [f"{name} = {value}" for name, value in given.items()]
        self.daemon.write_site(
            "\n".join(["[machinetype lhcb]", *lines, plugin, ""]),
            "memory_overcommit = 0\nprocessors_per_superslot = 2\n",
        )

    def start(self):
        self.daemon.start()
        return self

    def ended(self):
        """The machines that have ended, the latest last."""
        return [event["machine"] for event in self.daemon.events("gone")]

    def wait_for_end(self, number=1):
        """Wait until so many machines have ended; returns the last."""
        deadline = time.monotonic() + JOB_DEADLINE
        while len(ended := self.ended()) < number:
            assert time.monotonic() < deadline, f"{number} machines have not ended: {self.daemon.cli('why').stdout}"
            time.sleep(0.5)
        return ended[number - 1]

    def outputs(self, machine):
        """All that a machine left, for a test that fails."""
        directory = self.daemon.state.machine(machine["id"]) / "joboutputs"
        return {path.name: path.read_text(errors="replace")[-6000:] for path in directory.iterdir()}


@pytest.fixture
def site(tmp_path, server, pilot_url):
    """Makes the site, with further options of its machinetype; its daemon ends with the test."""
    made = []

    def make(**options):
        files = tmp_path / "vac" / "state" / "machinetypes" / "lhcb" / "files"
        files.mkdir(parents=True)
        shutil.copy(server.pilot_proxy, files / "pilot.pem")
        server.machine.write(files)
        made.append(Site(tmp_path, server, pilot_url, **options))
        return made[-1].start()

    yield make
    for one in made:
        if one.daemon.process is not None:
            one.daemon.signal(signal.SIGTERM)


PROXY = {"dirac_cert": "pilot.pem", "dirac_key": "none"}


def submit(server, text):
    """A job that is waiting for a machine."""
    job = server.run("jobs.py", "submit", text)
    wait_for(server, job, "Waiting")
    return job


def wait_for(server, job, status):
    deadline = time.monotonic() + JOB_DEADLINE
    while (found := json.loads(server.run("jobs.py", "status", job)))["Status"] != status:
        assert time.monotonic() < deadline, f"the job is {found}: {server.log('Optimizers')}"
        time.sleep(1)


@pytest.mark.parametrize("options", [PROXY, {"dirac_credential": "hostcert"}], ids=["proxy", "hostcert"])
def test_a_machine_pulls_a_real_job_and_the_next_finds_the_queue_empty(server, site, tmp_path, options):
    pulls_a_job_and_finds_the_queue_empty(server, site, tmp_path, "vac", options)


def test_a_container_does_so_too(server, containers, site, tmp_path):
    pulls_a_job_and_finds_the_queue_empty(server, site, tmp_path, "dc", PROXY | containers)


def pulls_a_job_and_finds_the_queue_empty(server, site, tmp_path, scheme, options):
    job = submit(server, "hello from the vacuum")
    vac = site(**options)
    first = vac.wait_for_end(1)
    assert first["outcome"] == "200 Success", vac.outputs(first)
    wait_for(server, job, "Done")
    server.run("jobs.py", "output", job, str(tmp_path))
    assert "hello from the vacuum" in (tmp_path / job / "said.log").read_text()

    reference = f"{scheme}://vac01.example.org/vac01.example.org:{first['id']}:lhcb"
    pilot = json.loads(server.run("jobs.py", "pilot", reference))[reference]
    assert pilot["PilotStamp"] == first["id"].replace("-", "")
    assert pilot["Status"] == "Done"
    assert pilot["GridSite"] == SITE

    second = vac.wait_for_end(2)
    assert second["outcome"] == "300 Nothing to do", vac.outputs(second)
    assert "backoff_seconds 600" in vac.daemon.cli("why", "lhcb").stdout


@pytest.mark.parametrize("kind", list(ProxyKind))
def test_dirac_finds_our_proxies_right(server, kind, tmp_path):
    """The source is a certificate: proxies of the old form cannot follow one of RFC 3820."""
    source = ProxySource(
        certificate=server.certificates / "pilotcert.pem", key=server.certificates / "pilotkey.pem", kind=kind
    )
    found = seen_by_dirac(server, source, tmp_path)
    assert found["isProxy"] is True
    assert found["isValidProxy"]
    assert found["isLimitedProxy"] is (kind is not ProxyKind.RFC)
    assert found["isRFC"] or kind is ProxyKind.LEGACY_LIMITED


def test_the_group_of_the_source_survives(server, tmp_path):
    found = seen_by_dirac(server, ProxySource(certificate=server.pilot_proxy), tmp_path)
    assert found["getDIRACGroup"] == "lhcb_pilot"
    assert found["isLimitedProxy"] is True


def seen_by_dirac(server, source, directory):
    now = time.time()
    path = directory / "proxy.pem"
    path.write_bytes(source.proxy_for(machine(created=now, shutdown_time=now + 3600), now))
    path.chmod(0o600)
    return json.loads(server.run("chain.py", str(path)))
