"""BOINC's real client in machines of the real daemon, which an account manager tells what to work for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boinc_manager import LOGIN, PASSWORD_HASH, Manager, manager
from boinc_project import KEY, LASTS, WORKS
from boinc_secrecy import command_lines, holding
from boinc_site import Site, boinc_site
from image_server import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with boinc_site(tmp_path / "f") as made:
        yield made


@pytest.fixture
def served(site: Site) -> Iterator[Manager]:
    with manager() as one:
        one.accounts[site.project.url] = KEY
        yield one


def start(site: Site, served: Manager, password_hash: str = PASSWORD_HASH, url: str = "", **options: object) -> None:
    site.daemon.directory.mkdir(parents=True, exist_ok=True)
    hash_file = site.daemon.directory / "hash"
    hash_file.write_text(password_hash)
    hash_file.chmod(0o600)
    site.start(
        boinc_project_url=None,
        boinc_account_key_file=None,
        boinc_account_manager_url=url or served.url,
        boinc_account_manager_login=LOGIN,
        boinc_account_manager_password_hash_file=hash_file,
        **options,
    )


def test_a_task_is_done_for_the_project_that_the_manager_names(site: Site, served: Manager) -> None:
    site.project.tasks.append(WORKS)
    start(site, served)
    machine_id = site.machine()
    assert site.outcome().startswith("200 Success (1 tasks, ")
    assert site.project.reported == [("wu_1_0", 5, 0)]
    (gone, *_) = site.daemon.events("gone")
    details = gone["machine"]["details"]
    assert details["boinc_account_manager"] == served.url
    assert {details["boinc_host_cpid"]} == set(served.hosts) == set(site.project.hosts)
    told = json.loads((site.outputs(machine_id) / "boinc.json").read_text())
    assert told["account_manager"] == served.url
    assert [task["name"] for task in told["tasks"]] == ["wu_1_0"]


def test_a_machine_that_drains_is_told_for_each_project_that_it_works_for(site: Site, served: Manager) -> None:
    site.project.tasks += [WORKS] * 50
    start(site, served, boinc_mode="drain", boinc_drain_seconds=10**6)
    assert site.outcome().startswith("200 Success")
    assert site.project.tasks


def test_nobody_else_on_the_host_sees_the_password_hash(site: Site, served: Manager) -> None:
    site.project.tasks.append(f"touch {site.daemon.directory}/began\n{LASTS}")
    start(site, served)
    machine_id = site.machine()
    wait_until((site.daemon.directory / "began").exists)
    secrets, own = [PASSWORD_HASH.encode(), KEY.encode()], site.daemon.state.machines / machine_id
    assert {one.name for one in holding(secrets, own)} >= {"acct_mgr_login.xml", "acct_mgr_request.xml"}
    assert holding(secrets, own, by_others=True) == []
    assert [one for one in command_lines() if any(secret in one for secret in secrets)] == []
    assert site.daemon.cli("stop", machine_id).returncode == 0
    assert site.outcome().startswith("100 ")
    site.daemon.wait_for(event_what="cleared")
    site.daemon.control.post("/drain", {"reason": "see what is left", "until": time.time() + 600})
    assert holding(secrets, own) == []
    assert not any(PASSWORD_HASH in line for line in site.daemon.log)


def test_a_manager_that_does_not_know_the_login_is_told_at_once(site: Site, served: Manager) -> None:
    start(site, served, "0" * 32)
    assert site.outcome() == "400 The account manager does not know the login and its password"


def test_a_project_that_the_manager_has_not_signed_is_never_asked(site: Site, served: Manager) -> None:
    served.key.signs_badly = True
    start(site, served)
    assert site.outcome() == "600 What the account manager says is not signed by its key"
    assert site.project.hosts == []


def test_a_manager_without_a_project_for_the_host_has_nothing_to_do(site: Site, served: Manager) -> None:
    served.accounts.clear()
    start(site, served, boinc_contact_seconds=10)
    assert site.outcome() == "300 The account manager has no project for this host"


def test_a_manager_that_does_not_answer_is_not_taken_for_a_project(site: Site, served: Manager) -> None:
    start(site, served, url="http://127.0.0.1:9/", boinc_contact_seconds=10)
    assert site.outcome() == "700 The account manager cannot be reached"
