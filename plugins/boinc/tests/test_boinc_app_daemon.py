"""BOINC applications in machines of the real daemon, which keep their guest contract with it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from image_server import wait_until
from system.daemon_kit import Daemon, shell

pytestmark = pytest.mark.system

JOB = """<vbox_job><enable_shared_directory/><copy_to_shared>init_data.xml</copy_to_shared>
<copy_to_shared>input</copy_to_shared><completion_trigger_file>shutdown</completion_trigger_file>
<temporary_exit_trigger_file>later</temporary_exit_trigger_file><fraction_done_filename>part</fraction_done_filename>
{further}</vbox_job>"""


@attrs.define
class Site:
    """A factory whose machines do one application's work."""

    daemon: Daemon

    def start(self, *lines: str, job: str = JOB.format(further=""), name: str = "vbox_job.xml") -> None:
        directory = self.daemon.directory
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(job)
        (directory / "input").write_text("42 events\n")
        program = directory / "entrypoint.sh"
        program.write_text(shell(*lines))
        program.chmod(0o755)
        given = {
            "machine_model": "process",
            "contextualiser": "boinc-app",
            "target_share": 1,
            "max_processors": 1,
            "boinc_app_job": directory / name,
            "boinc_app_command": program,
            "boinc_app_outputs": "result",
        }
        section = "\n".join(["[machinetype theory]", *(f"{key} = {value}" for key, value in given.items()), ""])
        self.daemon.write_site(section)
        self.daemon.start()

    def outcome(self) -> str:
        """How the next machine ends."""
        return str(self.daemon.wait_for(event_what="gone")["machine_outcome"])

    def output(self, machine_id: str, name: str) -> Path:
        return self.daemon.state.machines / machine_id / "joboutputs" / name


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(Daemon(tmp_path / "f"))
    yield made
    if made.daemon.process is not None:
        made.daemon.control.post("/drain", {"reason": "the test is over", "until": time.time()})
        wait_until(lambda: not made.daemon.control.get("/machines")["machines"])
        made.daemon.signal(signal.SIGTERM)


def test_an_application_finds_its_files_and_says_itself_that_it_is_done(site: Site) -> None:
    site.start(
        "grep -q '<app_init_data>' init_data.xml || exit 1",
        "cp input result",
        "echo 0.5 >part",
        "printf '0\\n0\\nall well\\n' >shutdown",
        "exec sleep 600",
    )
    machine_id = site.daemon.wait_for(event_what="gone")["machine_id"]
    assert site.output(machine_id, "shutdown_message").read_text() == "200 Success: all well\n"
    assert site.output(machine_id, "result").read_text() == "42 events\n"
    assert 0 < float(site.output(machine_id, "fraction_done").read_text()) <= 0.5


@pytest.mark.parametrize(
    ("lines", "further", "message"),
    [
        (
            ["printf '207\\r\\n207\\r\\nno jobs\\r\\n' >shutdown", "sleep 600"],
            "",
            "300 Nothing to do (exit 207): no jobs",
        ),
        (["printf '206' >shutdown"], "", "500 The task could not begin here (exit 206)"),
        (["printf '900\\n0\\n' >later", "sleep 600"], "", "300 It asks to be tried again (retry after 900 s)"),
        (["exit 0"], "", "700 It ended with 0, before it had said that it was done"),
        (["sleep 600"], "<job_duration>1</job_duration>", "200 Success, after the time that it was to take"),
        (
            ["sleep 600"],
            "<heartbeat_filename>beat</heartbeat_filename><minimum_heartbeat_interval>3</minimum_heartbeat_interval>",
            "700 The application is lost: it has no heartbeat file",
        ),
    ],
)
def test_the_contract_s_ends_have_their_outcomes(site: Site, lines: list[str], further: str, message: str) -> None:
    site.start(*lines, job=JOB.format(further=further))
    assert site.outcome() == message


def test_a_container_s_application_ends_with_its_exit_code(site: Site) -> None:
    site.start("exit 208", job='workdir = "/app"\n', name="job.toml")
    assert site.outcome() == "600 A part of the task failed (exit 208)"


def test_an_application_that_the_factory_stops_takes_what_it_started_with_it(site: Site) -> None:
    site.start(f"sleep 600 & echo $! >{site.daemon.directory}/child-$VAC_MACHINE_ID; wait")
    machine_id = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    child = site.daemon.directory / f"child-{machine_id}"
    wait_until(lambda: child.exists() and child.read_text().endswith("\n"))
    first = int(child.read_text())
    assert site.daemon.cli("stop", machine_id).returncode == 0
    assert site.outcome().startswith("100 ")
    wait_until(lambda: not Path(f"/proc/{first}/cmdline").exists() or not Path(f"/proc/{first}/cmdline").read_bytes())
