"""The contextualiser ``boinc-client``: what each sort of machine is given, and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from boinc_manager import LOGIN, PASSWORD_HASH
from boinc_project import KEY
from engines import missing
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.account import KEY as ACCOUNT_KEY
from vac_boinc.account import Account, account_file, manager_url, project_url, read_secret
from vac_boinc.boinc_client import BoincClient
from vac_boinc.client_files import Wishes, client_files, host_cpid, secret_files
from vac_boinc.machine_options import BoincMachine

from vac_core.config.schema import MachineType
from vac_core.context.delivery import DELIVERIES
from vac_core.context.user_data_check import user_data_problems
from vac_core.interfaces import Context, Contextualiser, MachineTypeError, PluginError
from vac_core.options import OptionValueError, options_of
from vac_core.testing import context_request, home, machine, machinetype
from vac_core.testing.contracts import ContextualiserContract

FOR_THE_SITE_ALONE = {
    "boinc_account_key_file",
    "boinc_account_manager_login",
    "boinc_account_manager_password_hash_file",
    "boinc_account_manager_url",
    "boinc_allow_multiple_clients",
    "boinc_extra_cc_options",
    "boinc_extra_prefs",
    "boinc_project_url",
    "boinc_proxy",
}
URL = "https://lhcathome.example.org/lhcathome/"
MANAGER_URL = "https://bam.example.org/"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def hash_file(tmp_path: Path) -> Path:
    path = tmp_path / "hash"
    path.write_text(PASSWORD_HASH + "\n")
    path.chmod(0o600)
    return path


def of_manager(hash_file: Path, model: str = "process", **options: object) -> MachineType:
    given = {
        "boinc_project_url": None,
        "boinc_account_manager_url": MANAGER_URL,
        "boinc_account_manager_login": LOGIN,
        "boinc_account_manager_password_hash_file": str(hash_file),
        **options,
    }
    return of_type(None, model, **given)


def of_type(key_file: Path | None, model: str = "process", **options: object) -> MachineType:
    given = {
        "boinc_project_url": URL,
        "boinc_account_key_file": str(key_file) if key_file else None,
        **options,
    }
    return machinetype("home", machine_model=model, plugin_options={"boinc": BoincMachine(**given)})


class TestContract(ContextualiserContract):
    @pytest.fixture(autouse=True)
    def has_a_key(self, key_file: Path) -> None:
        self.key_file = key_file

    @pytest.fixture
    def contextualiser(self) -> Contextualiser:
        return BoincClient()

    def machinetype(self) -> MachineType:
        return of_type(self.key_file)

    def bad_machinetype(self) -> MachineType:
        return of_type(None)


def context(key_file: Path, tmp_path: Path, model: str) -> Context:
    made = BoincClient()
    made.start(home(tmp_path))
    return made.context(context_request(machine(slot=3), of_type(key_file, model)))


def test_a_process_has_one_program_with_everything_in_it(key_file: Path, tmp_path: Path) -> None:
    made = context(key_file, tmp_path, "process")
    assert made.files == ()
    assert made.user_data.startswith(b"#!/bin/sh\n")
    assert made.user_data.count(KEY.encode()) == 1


@pytest.mark.parametrize("model", ["docker", "apptainer"])
def test_a_container_has_its_secrets_in_files_of_its_own(key_file: Path, tmp_path: Path, model: str) -> None:
    made = context(key_file, tmp_path, model)
    assert KEY.encode() not in made.user_data
    assert {one.mode for one in made.files} == {0o600}
    assert [one.path for one in made.files if KEY.encode() in one.content] == [f"/etc/vac-boinc/{account_file(URL)}"]


def test_a_virtual_machine_has_cloud_config(key_file: Path, tmp_path: Path) -> None:
    made = context(key_file, tmp_path, "vm")
    assert made.files == ()
    told = json.loads(made.user_data.removeprefix(b"#cloud-config\n"))
    contents = {one["path"]: gzip.decompress(base64.b64decode(one["content"])) for one in told["write_files"]}
    holding = {path for path, content in contents.items() if KEY.encode() in content}
    assert {one["permissions"] for one in told["write_files"] if one["path"] in holding} == {"0600"}
    assert told["runcmd"] == [["/usr/local/libexec/vac-boinc/start.sh"]]
    assert json.loads(contents["/etc/vac-boinc/settings.json"])["power_off"] is True


def test_the_program_of_a_virtual_machine_is_a_file_that_python_runs(key_file: Path, tmp_path: Path) -> None:
    told = json.loads(context(key_file, tmp_path, "vm").user_data.removeprefix(b"#cloud-config\n"))
    (packed,) = (one["content"] for one in told["write_files"] if one["path"].endswith("/inside.zip"))
    (tmp_path / "inside.zip").write_bytes(gzip.decompress(base64.b64decode(packed)))
    (tmp_path / "settings.json").write_text("{}")
    ran = subprocess.run([sys.executable, tmp_path / "inside.zip", tmp_path], capture_output=True, check=False)
    assert b"KeyError: 'program'" in ran.stderr  # it has read its settings


def test_a_context_that_is_published_leaves_the_key_out(tmp_path: Path) -> None:
    request = context_request(machine(), of_type(tmp_path / "absent", "vm"), with_secrets=False)
    told = json.loads(BoincClient().context(request).user_data.removeprefix(b"#cloud-config\n"))
    names = {Path(one["path"]).name for one in told["write_files"]}
    assert "cc_config.xml" in names
    assert not names & secret_files(Account(URL, ACCOUNT_KEY, Path()))


def test_no_context_shows_the_key(key_file: Path, tmp_path: Path) -> None:
    made = context(key_file, tmp_path, "docker")
    assert KEY not in repr(made)
    assert KEY not in str(made.details)


def test_the_client_uses_what_the_machine_has_and_waits_for_no_owner(key_file: Path) -> None:
    files = client_files(machine(processors=3), Account(URL, ACCOUNT_KEY, key_file), KEY, factory="", wishes=Wishes())
    assert fromstring(files["cc_config.xml"]).findtext("options/ncpus") == "3"
    preferences = fromstring(files["global_prefs_override.xml"])
    assert preferences.findtext("ram_max_used_busy_pct") == "100.0"
    assert preferences.findtext("suspend_cpu_usage") == "0"
    account = fromstring(files[account_file(URL)])
    assert (account.findtext("master_url"), account.findtext("authenticator")) == (URL, KEY)


def test_slots_and_factories_are_hosts_of_their_own() -> None:
    named = [host_cpid(factory, slot) for factory in ("wn01", "wn02") for slot in range(3)]
    assert len(set(named)) == 6
    assert host_cpid("wn01", 0) == named[0]


def test_a_key_that_others_can_read_is_refused(key_file: Path) -> None:
    key_file.chmod(0o640)
    with pytest.raises(PluginError, match=r"can be read by others \(mode 0640\): chmod 0600"):
        read_secret(ACCOUNT_KEY, key_file)


@pytest.mark.parametrize("content", [b"", b"two words of text here", b"\xff" * 32, b"short", b"a" * 5000])
def test_what_is_no_key_is_refused_and_not_shown(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    with pytest.raises(PluginError, match="holds no account key") as refused:
        read_secret(ACCOUNT_KEY, key_file)
    assert "words" not in str(refused.value)


def test_a_key_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="No such file"):
        read_secret(ACCOUNT_KEY, tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(PluginError, match="not a plain file"):
        read_secret(ACCOUNT_KEY, tmp_path / "pipe")


def test_a_key_file_that_is_missing_is_told_before_a_machine_is_made(tmp_path: Path) -> None:
    (told,) = BoincClient().missing(of_type(tmp_path / "absent"))
    assert "boinc_account_key_file" in told


def test_an_account_manager_s_client_has_a_login_and_no_project(hash_file: Path, tmp_path: Path) -> None:
    made = BoincClient().context(context_request(machine(), of_manager(hash_file, "docker")))
    files = {Path(one.path).name: one.content for one in made.files}
    assert [name for name, content in files.items() if PASSWORD_HASH.encode() in content] == ["acct_mgr_login.xml"]
    assert fromstring(files["acct_mgr_login.xml"]).findtext("login") == LOGIN
    assert fromstring(files["acct_mgr_url.xml"]).findtext("url") == MANAGER_URL
    assert not [name for name in files if name.startswith("account_")]
    assert made.details["boinc_account_manager"] == MANAGER_URL
    assert PASSWORD_HASH not in f"{made!r}{made.details}"


def test_a_context_that_is_published_leaves_the_login_out(tmp_path: Path) -> None:
    request = context_request(machine(), of_manager(tmp_path / "absent", "vm"), with_secrets=False)
    told = json.loads(BoincClient().context(request).user_data.removeprefix(b"#cloud-config\n"))
    names = {Path(one["path"]).name for one in told["write_files"]}
    assert "acct_mgr_url.xml" in names
    assert not names & {"acct_mgr_login.xml", "gui_rpc_auth.cfg"}


@pytest.mark.parametrize("content", [b"", b"the password itself", b"A" * 32, b"0" * 31])
def test_what_is_no_password_hash_is_refused_and_not_shown(hash_file: Path, content: bytes) -> None:
    hash_file.write_bytes(content)
    (told,) = BoincClient().missing(of_manager(hash_file))
    assert told.startswith(f"boinc_account_manager_password_hash_file: {hash_file} holds no password hash: write")
    assert "itself" not in told


def test_a_password_hash_that_others_can_read_is_refused(hash_file: Path) -> None:
    hash_file.chmod(0o604)
    (told,) = BoincClient().missing(of_manager(hash_file))
    assert "can be read by others (mode 0604): chmod 0600" in told
    assert "and change the password" in told


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"boinc_project_url": URL}, "has both boinc_project_url and boinc_account_manager_login"),
        ({"boinc_account_key_file": "/key"}, "has both boinc_account_key_file and boinc_account_manager_login"),
        ({"boinc_account_manager_url": None}, "has no boinc_account_manager_url: set it to the account manager's URL"),
        ({"boinc_account_manager_login": None}, "has no boinc_account_manager_login: set it"),
        ({"boinc_account_manager_password_hash_file": None}, "has no boinc_account_manager_password_hash_file: set"),
    ],
)
def test_a_client_works_for_a_project_or_for_a_manager(hash_file: Path, options: dict[str, str], why: str) -> None:
    wrong = of_manager(hash_file, **options)
    (told,) = BoincClient().check(wrong)
    assert told.startswith(f"machinetype home {why}")
    with pytest.raises(MachineTypeError, match=why):
        BoincClient().context(context_request(machine(), wrong))


def test_options_that_are_not_there_are_the_machinetype_s_fault() -> None:
    with pytest.raises(MachineTypeError, match="boinc_account_key_file"):
        BoincClient().context(context_request(machine(), of_type(None)))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://localhost/", "no dot"),
        ("https://example.org/project", "does not end with a slash"),
        ("ftp://example.org/", "no project's URL"),
        ("https://user@example.org/", "no project's URL"),
        ("https://[example.org/", "no URL"),
    ],
)
def test_a_url_that_the_client_would_refuse_is_refused(url: str, why: str) -> None:
    with pytest.raises(OptionValueError, match=why):
        project_url(url)


def test_a_manager_s_url_is_named_as_such() -> None:
    with pytest.raises(OptionValueError, match=r"'ftp://example\.org/' is no account manager's URL"):
        manager_url("ftp://example.org/")


@given(st.text())
def test_any_text_is_a_url_or_refused_with_its_mend(raw: str) -> None:
    with suppress(OptionValueError):
        assert project_url(raw).endswith("/")


def test_an_account_s_file_has_the_name_that_the_client_looks_for() -> None:
    assert account_file("http://127.0.0.1:8080/") == "account_127.0.0.1_8080.xml"
    assert account_file("https://www.example.org/a/b-c/") == "account_www.example.org_a_b-c.xml"


def test_no_pipe_says_where_secrets_go_or_what_a_client_s_files_hold() -> None:
    options = options_of(BoincMachine)
    assert [name for name in FOR_THE_SITE_ALONE if options[name][0].pipe] == []


@pytest.mark.system
def test_cloud_init_itself_accepts_the_cloud_config(key_file: Path, tmp_path: Path) -> None:
    if shutil.which("cloud-init") is None:
        missing("cloud-init is not installed: nobody can be asked about the cloud-config")
    written = tmp_path / "user-data"
    written.write_bytes(context(key_file, tmp_path, "vm").user_data)
    command = ["cloud-init", "schema", "--config-file", str(written)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("delivery", sorted(DELIVERIES))
def test_a_virtual_machine_can_use_it_whatever_its_delivery(key_file: Path, tmp_path: Path, delivery: str) -> None:
    user_data = context(key_file, tmp_path, "vm").user_data
    assert list(user_data_problems(user_data, DELIVERIES[delivery])) == []
