"""A real factory and the contextualiser ``lhcb``: outcomes that are trusted, refusals in time, no secret anywhere."""

from __future__ import annotations

import re
import signal
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pilot_kit
import pytest
from certificates import Authority, write_key
from system.daemon_kit import Daemon

DEADLINE = 120.0
ENDED = "gone"

pytestmark = pytest.mark.system


class Site(Daemon):
    """A factory with one machinetype of the contextualiser ``lhcb``."""

    def prepare(self, issued, said=pilot_kit.STARTED + pilot_kit.JOB, **options):
        files = self.state.machinetypes / "lhcb" / "files"
        files.mkdir(parents=True)
        issued.write(files)
        (self.directory / "certificates").mkdir()
        (self.directory / "certificates" / "0.0").write_text("an authority")
        pilot = pilot_kit.publish(self.directory / "pilot", said)
        given = {
            "target_share": 1,
            "machine_model": "process",
            "contextualiser": "lhcb",
            "process_memory": "none",
            "max_processors": 2,
            "min_processors": 2,
            "fizzle_seconds": 1,
            "backoff_seconds": 600,
            "dirac_site": "VAC.Example.uk",
            "dirac_pilot_urls": f"file://{pilot}",
            "dirac_authorities": self.directory / "certificates",
            **options,
        }
        lines = [f"{name} = {value}" for name, value in given.items()]
        self.write_site("\n".join(["[machinetype lhcb]", *lines, ""]), "processors_per_superslot = 2\n")

    def first_end(self):
        """Wait until a machine has ended; how it did."""
        deadline = time.monotonic() + DEADLINE
        while not (ended := self.events(ENDED)):
            assert time.monotonic() < deadline, self.cli("why", "lhcb").stdout
            time.sleep(0.1)
        return ended[0]["machine"]


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def site(tmp_path):
    daemon = Site(tmp_path / "vac")
    yield daemon
    if daemon.process is not None:
        daemon.signal(signal.SIGTERM)


def test_a_machine_with_work_ends_well_and_no_secret_of_it_is_anywhere(site, authority):
    issued = authority.issue("vm.example.org")
    site.prepare(issued)
    site.start()
    assert site.first_end()["outcome"] == "200 Success"
    seen = [site.cli(*words).stdout for words in (["machines"], ["history", "--json"], ["why"], ["config", "show"])]
    seen += [site.cli("contextualise", "lhcb", "--for", "docker").stdout]
    site.signal(signal.SIGTERM)
    seen += site.log
    kept = [path for path in site.state.path.rglob("*") if path.is_file() and "machinetypes" not in path.parts]
    # What machines that still run have of their own is theirs, and nobody else's: it is in directories of mode 0700.
    seen += [path.read_text(errors="replace") for path in kept if "process" not in path.parts]
    assert "PRIVATE KEY" not in "".join(map(str, seen))
    own = re.sub(r"\s", "", issued.key_pem.decode())[40:100]
    assert own not in re.sub(r"\s", "", "".join(map(str, seen)))


def test_an_empty_queue_makes_the_machinetype_back_off(site, authority):
    site.prepare(authority.issue("vm.example.org"), pilot_kit.STARTED + pilot_kit.NO_MATCH)
    site.start()
    assert site.first_end()["outcome"] == "300 Nothing to do"
    assert "backoff_seconds 600" in site.cli("why", "lhcb").stdout


def test_a_certificate_that_expires_too_early_is_told_before_a_machine_is_made(site, authority):
    site.prepare(authority.issue("vm.example.org", days=0.5))
    doctor = site.cli("doctor", "--json").stdout  # its table is folded where a directory's name is long
    assert "dirac_cert:" in doctor
    assert "renew it, or lower max_wallclock_seconds" in doctor
    site.start()
    assert "x509cert.pem expires at" in site.cli("why", "lhcb", "--json").stdout
    assert site.events("created") == []


def test_a_key_that_others_can_read_is_refused_and_taken_once_it_is_mended(site, authority):
    issued = authority.issue("vm.example.org")
    site.prepare(issued)
    key = site.state.machinetypes / "lhcb" / "files" / "x509key.pem"
    key.chmod(0o644)
    site.start()
    assert ": chmod 0600" in site.cli("why", "lhcb", "--json").stdout
    write_key(key, issued.key_pem)
    assert site.first_end()["outcome"] == "200 Success"


def test_no_machine_is_made_of_a_site_that_is_banned(site, authority):
    said = site.directory / "sites.json"
    site.prepare(authority.issue("vm.example.org"), dirac_site_status=said)
    said.write_text('{"VAC.Example.uk": {"all": {"allowed": false, "reason": "downtime of the site"}}}')
    site.start()
    why = site.cli("why", "lhcb", "--json").stdout
    assert "400 Site banned in DIRAC" in why
    assert "'downtime of the site'" in why
    assert site.events("created") == []


@pytest.fixture
def pilot_server(site):
    """Serves what `Site.prepare` publishes."""
    handler = partial(Quiet, directory=str(site.directory / "pilot"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words):
        """Say nothing."""


def test_a_factory_gets_the_pilot_of_a_machine_that_cannot(site, authority, pilot_server):
    site.prepare(
        authority.issue("vm.example.org"), dirac_pilot_fetch="factory", dirac_pilot_urls=f"file:///gone {pilot_server}"
    )
    shown = site.cli("contextualise", "lhcb", "--for", "docker")
    assert shown.returncode == 0, shown.stderr
    site.start()
    assert site.first_end()["outcome"] == "200 Success"


def test_a_malformed_site_s_name_is_told_with_its_place(site, authority):
    site.prepare(authority.issue("vm.example.org"), dirac_site="Example")
    checked = site.cli("config", "check")
    assert checked.returncode == 1
    assert "vac.conf:" in checked.stdout
    assert "DOMAIN.Site.country" in checked.stdout
