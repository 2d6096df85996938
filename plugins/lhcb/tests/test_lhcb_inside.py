"""A machine's whole life inside, run as the program that it is given, with a stand-in for the pilot."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import stat
import subprocess
import tarfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pilot_kit
import pytest
from certificates import Authority
from engines import missing
from vac_lhcb.context import LhcbContextualiser
from vac_lhcb.options import LhcbMachine

from vac_core.interfaces import Urls
from vac_core.testing import context_request, home, machine, machinetype, settings

DEADLINE = 120
LATER = 10**9


@pytest.fixture(scope="module")
def issued():
    return Authority().issue("vm.example.org", days=100)


@attrs.define(slots=False)
class Inside:
    """A machine that is a process, as its hypervisor would run it."""

    directory: Path
    options: dict
    shell: str = ""

    @property
    def outputs(self):
        return self.directory / "joboutputs"

    def program(self):
        (self.directory / "files").mkdir(exist_ok=True)
        made = LhcbContextualiser()
        made.start(home(self.directory / "home"))
        options = {
            "dirac_site": "VAC.Example.uk",
            "dirac_pilot_urls": (f"file://{self.directory}/pilot",),
            "dirac_authorities": (str(self.directory / "certificates"),),
        }
        of_type = machinetype(
            machine_model="process",
            heartbeat_file="heartbeat",
            files_dir=str(self.directory / "files"),
            plugin_options={"lhcb": LhcbMachine(**options | self.options)},
        )
        urls = Urls(**{name: str(self.directory / name) for name in ("machinefeatures", "jobfeatures", "joboutputs")})
        self.machine = machine(shutdown_time=time.time() + 7200)
        asked = context_request(
            self.machine, of_type, urls=urls, settings=settings(root_public_key="/nonexistent"), fetch=self.fetch
        )
        context = made.context(asked)
        assert context.files == ()
        path = self.directory / "user_data"
        path.write_bytes(context.user_data)
        path.chmod(0o700)
        return context

    def fetch(self, url):
        """What the factory gets of a place that the machine cannot reach."""
        return (self.directory / url.removeprefix("https://vo.example.org/")).read_bytes()

    def start(self):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory / "work"),
            "TMPDIR": str(self.directory / "work"),
            **self.program().environment,
        }
        words = [*self.shell.split(), str(self.directory / "user_data")]
        return subprocess.Popen(
            words, cwd=self.directory / "work", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def live(self):
        """Live to the end; returns the shutdown message and what was printed."""
        printed, _ = self.start().communicate(timeout=DEADLINE)
        return (self.outputs / "shutdown_message").read_text().strip(), printed.decode()

    @property
    def log(self):
        return (self.outputs / "dirac-pilot.log").read_text()

    @property
    def called_with(self):
        return json.loads(re.search(r"called with (.*)", self.log)[1])

    @property
    def environment(self):
        return json.loads(re.search(r"environment (.*)", self.log)[1])


@pytest.fixture
def inside(tmp_path, issued):
    for name in ("machinefeatures", "jobfeatures", "joboutputs", "work", "certificates", "files"):
        (tmp_path / name).mkdir()
    (tmp_path / "certificates" / "0a1b2c3d.0").write_text("an authority")
    (tmp_path / "jobfeatures" / "allocated_cpu").write_text("4")
    (tmp_path / "jobfeatures" / "shutdowntime_job").write_text(str(LATER * 5))
    issued.write(tmp_path / "files")
    pilot_kit.publish(tmp_path / "pilot")
    return Inside(tmp_path, {})


SHELLS = ["dash", "bash", "busybox sh"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_pilot_is_run_to_its_end(inside, shell):
    if shutil.which(shell.split()[0]) is None:
        missing(f"{shell} is not installed")
    inside.shell = shell
    message, printed = inside.live()
    assert message == "200 Success"
    assert f"the pilot is vac://vac01.example.org/vac01.example.org:{inside.machine.id}:lhcb" in printed
    assert "stdin True" in inside.log


@pytest.mark.parametrize("shell", SHELLS)
def test_no_shell_finds_a_fault_with_the_program(inside, shell):
    inside.program()
    subprocess.run([*shell.split(), "-n", str(inside.directory / "user_data")], check=True)


def test_shellcheck_finds_no_fault_with_the_program(inside):
    if shutil.which("shellcheck") is None:
        missing("shellcheck is not installed")
    inside.program()
    done = subprocess.run(
        ["shellcheck", str(inside.directory / "user_data")], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def test_the_pilot_is_told_what_only_the_machine_knows(inside):
    (inside.directory / "jobfeatures" / "shutdowntime_job").write_text(str(int(time.time()) + 7200))
    inside.live()
    words = inside.called_with
    assert words[words.index("--pilotProcessors") + 1] == "4"
    assert words[words.index("--pilotUUID") + 1] == inside.machine.id.replace("-", "")
    [time_left] = [word for word in words if "maxCPUTime" in word]
    path, _, minutes = time_left.partition("=")
    assert path == "/Resources/Sites/VAC/VAC.Example.uk/CEs/vac01.example.org/Queues/default/maxCPUTime"
    assert 105 <= int(minutes) <= 115


def test_the_pilot_s_environment_is_its_own(inside):
    inside.live()
    found = inside.environment
    assert found["JOBFEATURES"] == f"file://{inside.directory}/jobfeatures"
    assert found["DIRAC_PILOT_STAMP"] == inside.machine.id.replace("-", "")
    assert found["PILOT_UUID"].startswith("vac://vac01.example.org/")
    assert found["X509_CERT_DIR"] == str(inside.directory / "certificates")
    assert found["DIRAC_PILOT_VO"] == "lhcb"
    assert "PYTHONPATH" not in found
    assert "JOBOUTPUTS" not in found


def test_only_the_machine_s_user_can_read_its_proxy(inside):
    inside.live()
    proxy = Path(inside.environment["X509_USER_PROXY"])
    assert stat.S_IMODE(proxy.stat().st_mode) == 0o600
    assert b"BEGIN RSA PRIVATE KEY" in proxy.read_bytes()
    everywhere = list((inside.directory / "work").rglob("x509proxy.pem"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in everywhere} == {0o600}


def test_secrets_are_in_no_output(inside):
    _, printed = inside.live()
    outputs = "".join(path.read_text() for path in inside.outputs.iterdir())
    assert "PRIVATE KEY" not in printed + outputs


def test_a_host_s_own_certificate_is_where_the_pilot_looks(inside):
    inside.options = {"dirac_credential": "hostcert"}
    inside.live()
    words = inside.called_with
    place = Path(words[words.index("--certLocation") + 1])
    assert "--cert" in words
    assert (place / "hostkey.pem").read_bytes().startswith(b"-----BEGIN RSA PRIVATE KEY")
    assert "X509_USER_PROXY" not in inside.environment


def test_a_machine_shows_that_it_lives(inside):
    inside.live()
    assert len((inside.outputs / "heartbeat").read_text().split()) == 5


def test_a_process_never_drains_the_factory_s_own_host(inside):
    (inside.directory / "jobfeatures" / "shutdowntime_job").write_text("1")
    inside.options = {"dirac_drain_seconds": 10**6}
    _, printed = inside.live()
    assert "takes no more jobs" not in printed


def test_an_empty_queue_is_no_work(inside):
    pilot_kit.publish(inside.directory / "pilot", pilot_kit.STARTED + pilot_kit.NO_MATCH)
    assert inside.live()[0] == "300 Nothing to do"


def test_a_pilot_that_dies_at_once_is_an_outcome(inside):
    pilot_kit.publish(inside.directory / "pilot", program="raise SystemExit(3)")
    message, printed = inside.live()
    assert message == "700 Failed, probably JobAgent or Application problem"
    assert "the pilot ended with 3" in printed


def test_a_machine_that_is_asked_to_end_says_so(inside):
    pilot_kit.publish(inside.directory / "pilot", program="print('up', flush=True)\nimport time\ntime.sleep(1000)")
    process = inside.start()
    deadline = time.monotonic() + DEADLINE
    log = inside.outputs / "dirac-pilot.log"
    while not (log.exists() and log.read_text()):
        assert time.monotonic() < deadline, "the pilot did not start"
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE)
    assert (inside.outputs / "shutdown_message").read_text() == "100 Shutdown as requested by the factory\n"


class TestThePilotSFiles:
    def publish(self, inside, **files):
        for name, content in files.items():
            (inside.directory / "pilot" / name.replace("__", ".")).write_bytes(content)

    def test_a_checksum_that_differs_stops_the_machine(self, inside):
        self.publish(inside, pilot__json=b'{"other": 1}')
        assert inside.live()[0] == "500 Pilot files do not match their checksums"

    def test_a_file_in_the_tar_that_differs_stops_it_too(self, inside):
        sums = (inside.directory / "pilot" / "checksums.sha512").read_text().splitlines()
        sums[-1] = f"{'0' * 128}  dirac-pilot.py"
        self.publish(inside, checksums__sha512="\n".join(sums).encode())
        assert inside.live()[0] == "500 Pilot files do not match their checksums"

    def test_a_page_of_html_is_no_list_of_checksums(self, inside):
        self.publish(inside, checksums__sha512=b"<html>moved</html>")
        assert inside.live()[0] == "500 Pilot files have no checksums"

    def test_a_site_may_only_be_warned(self, inside):
        inside.options = {"dirac_pilot_checksums": "warn"}
        self.publish(inside, checksums__sha512=b"<html>moved</html>")
        message, printed = inside.live()
        assert message == "200 Success"
        assert "Pilot files have no checksums" in printed

    def test_without_checksums_none_are_asked_for(self, inside):
        inside.options = {"dirac_pilot_checksums": "off"}
        (inside.directory / "pilot" / "checksums.sha512").unlink()
        assert inside.live()[0] == "200 Success"

    def test_html_in_place_of_a_tar_stops_it(self, inside):
        inside.options = {"dirac_pilot_checksums": "off"}
        self.publish(inside, pilot__tar=b"<html>moved</html>")
        assert inside.live()[0] == "500 Pilot files cannot be unpacked"

    def test_a_tar_lays_nothing_elsewhere(self, inside):
        inside.options = {"dirac_pilot_checksums": "off"}
        evil = inside.directory / "evil"
        with tarfile.open(inside.directory / "pilot" / "pilot.tar", "w") as archive:
            (inside.directory / "x").write_text("x")
            archive.add(inside.directory / "x", arcname=f"../../../../../..{evil}")
            archive.add("/etc/passwd", arcname="link")
        assert inside.live()[0] == "500 Pilot files have no dirac-pilot.py"
        assert not evil.exists()

    def test_the_second_place_is_used_where_the_first_is_not_there(self, inside):
        good = f"file://{inside.directory}/pilot"
        inside.options = {"dirac_pilot_urls": ("https://127.0.0.1:9/pilot", good)}
        message, printed = inside.live()
        assert message == "200 Success"
        assert f"the pilot is from {good}" in printed

    def test_no_place_at_all_is_the_site_s_fault(self, inside):
        inside.options = {"dirac_pilot_urls": ("file:///nonexistent",)}
        assert inside.live()[0] == "500 Pilot files not reachable"

    def test_no_authorities_are_the_site_s_fault(self, inside):
        inside.options = {"dirac_authorities": ("/nonexistent",)}
        assert inside.live()[0] == "500 No certificate authorities found"


def test_an_image_without_python_is_told(inside):
    (inside.directory / "bin").mkdir()
    inside.program()
    subprocess.run(
        ["/bin/sh", str(inside.directory / "user_data")], check=False, cwd=inside.directory,
        env={"PATH": str(inside.directory / "bin"), "JOBOUTPUTS": str(inside.outputs)},
    )  # fmt: skip
    assert (inside.outputs / "shutdown_message").read_text() == "500 Missing python3\n"


class TestOverHttps:
    """A VO's server has a certificate of an authority of the grid, or of the web."""

    @pytest.fixture
    def serve(self, inside):
        """Serve the pilot with a certificate of an authority; returns the URL."""
        servers = []

        def start(authority):
            certificate, key = authority.issue("localhost", hosts=["localhost"]).write(inside.directory, "server")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            handler = partial(SimpleHTTPRequestHandler, directory=str(inside.directory / "pilot"))
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever).start()
            servers.append(server)
            return f"https://localhost:{server.server_address[1]}"

        yield start
        for server in servers:
            server.shutdown()
            server.server_close()

    def trust(self, inside, authority):
        plain = inside.directory / "ca.pem"
        plain.write_bytes(authority.pem)
        words = ["openssl", "x509", "-hash", "-noout", "-in", str(plain)]
        name = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
        (inside.directory / "certificates" / f"{name}.0").write_bytes(authority.pem)

    def test_a_server_of_an_authority_of_the_grid_is_trusted(self, inside, serve):
        authority = Authority()
        self.trust(inside, authority)
        inside.options = {"dirac_pilot_urls": (serve(authority),)}
        assert inside.live()[0] == "200 Success"

    def test_a_server_of_an_unknown_authority_is_not(self, inside, serve):
        inside.options = {"dirac_pilot_urls": (serve(Authority("Unknown")),)}
        message, printed = inside.live()
        assert message == "500 Pilot files not reachable"
        assert "CERTIFICATE_VERIFY_FAILED" in printed


def test_a_secret_of_diracx_lies_in_a_file_that_the_pilot_s_environment_names(inside):
    secret = "0123456789abcdef0123456789abcdef"
    (inside.directory / "files" / "pilot-secret").write_text(secret)
    (inside.directory / "files" / "pilot-secret").chmod(0o600)
    inside.options = {"diracx_pilot_secret_file": "pilot-secret"}
    message, printed = inside.live()
    assert message == "200 Success"
    path = Path(inside.environment["DIRACX_PILOT_SECRET_FILE"])
    assert path.read_text().strip() == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in printed + inside.log + "".join(one.read_text() for one in inside.outputs.glob("*"))


FROM_FACTORY = {"dirac_pilot_fetch": "factory", "dirac_pilot_urls": ("https://vo.example.org/pilot/",)}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_pilot_that_the_factory_got_is_run_by_a_machine_that_cannot_get_it(inside, shell):
    if shutil.which(shell.split()[0]) is None:
        missing(f"{shell} is not installed")
    inside.options, inside.shell = FROM_FACTORY, shell
    message, printed = inside.live()
    assert message == "200 Success", printed


def test_a_pilot_that_the_factory_got_is_checked_too(inside):
    inside.options = FROM_FACTORY
    (inside.directory / "pilot" / "pilot.json").write_text("<html>moved</html>")
    assert inside.live()[0] == "500 Pilot files do not match their checksums"


def test_checksums_that_nobody_wants_are_not_got(inside):
    inside.options = FROM_FACTORY | {"dirac_pilot_checksums": "off"}
    (inside.directory / "pilot" / "checksums.sha512").unlink()
    assert inside.live()[0] == "200 Success"
