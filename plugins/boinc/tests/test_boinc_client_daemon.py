"""BOINC's real client in machines of the real daemon, at work for a project of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boinc_project import ABORTED, EXIT_CLIENT_EXITING, FAILS, KEY, LASTS, NO_SUB_TASKS, WORKS
from boinc_secrecy import command_lines, holding
from boinc_site import Site, boinc_site
from image_server import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with boinc_site(tmp_path / "f") as made:
        yield made


def test_a_task_is_done_and_its_credit_claimed(site: Site) -> None:
    site.project.tasks.append(WORKS)
    site.start()
    machine_id = site.machine()
    assert site.outcome().startswith("200 Success (1 tasks, ")
    assert site.project.reported == [("wu_1_0", 5, 0)]
    assert any("done" in one for one in site.project.uploaded)
    told = json.loads((site.outputs(machine_id) / "boinc.json").read_text())
    assert told["project"] == site.project.url
    assert [(task["name"], task["exit_status"]) for task in told["tasks"]] == [("wu_1_0", 0)]
    assert told["claimed_credit"] >= 0


def test_a_project_behind_a_proxy_is_reached_through_it(site: Site) -> None:
    site.project.name = "boinc.nowhere.invalid"
    site.start(boinc_proxy=f"127.0.0.1:{site.project.port}")
    assert site.outcome() == "300 Nothing to do"
    assert site.project.proxied


def test_what_a_site_adds_to_the_client_s_files_is_heard_by_the_project(site: Site) -> None:
    site.start(boinc_extra_prefs="disk_interval=321", boinc_allow_multiple_clients="yes")
    assert site.outcome() == "300 Nothing to do"
    asked = site.project.asked[0]
    assert float(asked.findtext("working_global_preferences/global_preferences/disk_interval", "0")) == 321
    assert asked.findtext("allow_multiple_clients") == "1"


def test_a_machine_in_which_no_task_is_done_for_too_long_ends(site: Site) -> None:
    site.project.tasks.append(LASTS)
    site.start(boinc_task_seconds=25)
    assert site.outcome() == "700 No task was done in 25 s"
    assert site.project.reported == [("wu_1_0", ABORTED, EXIT_CLIENT_EXITING)]


def test_two_machines_one_after_the_other_are_one_host_to_the_project(site: Site) -> None:
    site.start()
    for _ in range(2):
        assert site.outcome() == "300 Nothing to do"
    assert len(site.project.hosts) >= 2
    assert len(set(site.project.hosts)) == 1
    cleared = site.daemon.events("gone")
    assert {event["machine"]["details"]["boinc_host_cpid"] for event in cleared} == set(site.project.hosts)


def test_a_machine_that_drains_does_task_after_task(site: Site) -> None:
    site.project.tasks += [WORKS, WORKS]
    site.start(boinc_mode="drain", boinc_drain_seconds=0)
    assert site.outcome().startswith("200 Success (2 tasks, ")


def test_a_machine_that_is_near_its_end_finishes_what_it_has_and_fetches_no_more(site: Site) -> None:
    site.project.tasks += [WORKS] * 50
    site.start(boinc_mode="drain", boinc_drain_seconds=10**6)
    assert site.outcome().startswith("200 Success")
    assert site.project.tasks


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (None, {"key": "0" * 32}, "400 The project does not know the account key"),
        (FAILS, {}, "600 All tasks failed (exit 1)"),
        (NO_SUB_TASKS, {}, "300 Nothing to do (exit 207)"),
        (None, {"url": "http://127.0.0.1:9/", "boinc_contact_seconds": 10}, "700 The project cannot be reached"),
    ],
)
def test_an_outcome_says_what_went_wrong(site: Site, lines: str | None, options: dict, message: str) -> None:
    site.project.tasks += [lines] if lines else []
    site.start(**options)
    assert site.outcome() == message


def test_a_file_with_a_bad_signature_is_never_run(site: Site) -> None:
    site.project.tasks.append(f"touch {site.daemon.directory}/was-run")
    site.project.key.signs_badly = True
    site.start()
    assert site.outcome() == "600 A file of the project is not signed by its key"
    assert not (site.daemon.directory / "was-run").exists()


def test_a_client_that_the_factory_stops_reports_what_it_aborts(site: Site) -> None:
    site.project.tasks.append(f"touch {site.daemon.directory}/began\n{LASTS}")
    site.start()
    machine_id = site.machine()
    wait_until((site.daemon.directory / "began").exists)
    key, own = [KEY.encode()], site.daemon.state.machines / machine_id
    assert any(one.name.startswith("account_") for one in holding(key, own))
    assert holding(key, own, by_others=True) == []
    assert [one for one in command_lines() if key[0] in one] == []
    assert site.daemon.cli("stop", machine_id).returncode == 0
    assert site.outcome().startswith("100 ")
    assert site.project.reported == [("wu_1_0", ABORTED, EXIT_CLIENT_EXITING)]
    site.daemon.wait_for(event_what="cleared")
    site.daemon.control.post("/drain", {"reason": "see what is left", "until": time.time() + 600})
    assert holding(key, own) == []
    assert not any(KEY in line for line in site.daemon.log)


def test_a_client_ends_with_the_program_that_started_it(site: Site) -> None:
    site.project.tasks.append(f"touch {site.daemon.directory}/began\n{LASTS}")
    site.start(backoff_seconds=3600)
    machine_id = site.machine()
    wait_until((site.daemon.directory / "began").exists)
    own = site.daemon.state.machines / machine_id
    working = at_work_below(own)
    assert len({os.getsid(pid) for pid in working}) == 1  # by which the factory knows what a machine uses
    (program,) = (pid for pid in working if b"\0inside\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(program, signal.SIGKILL)
    site.daemon.wait_for(event_what="cleared")
    assert len(working) > 2
    assert at_work_below(own) == []


def at_work_below(directory: Path) -> list[int]:
    """Processes that work in a directory, or in one below it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if path.joinpath("cwd").readlink().is_relative_to(directory):
                found.append(int(path.name))
    return found


def test_a_key_that_others_can_read_is_refused(site: Site) -> None:
    site.start(mode=0o644)
    failed = site.daemon.wait_for(event_what="creation_failed")
    assert "can be read by others (mode 0644): chmod 0600" in json.dumps(failed)
    assert KEY not in json.dumps(failed)


def test_a_project_that_cannot_be_is_told_with_its_mend(site: Site) -> None:
    site.start(url="https://localhost/")
    checked = site.daemon.cli("config", "check")
    assert "has no dot" in checked.stdout + checked.stderr
