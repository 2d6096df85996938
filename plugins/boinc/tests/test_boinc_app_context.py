"""The contextualiser ``boinc-app``: what machines are given, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from vac_boinc import floppy, vbox_job
from vac_boinc.boinc_app import BoincApp
from vac_boinc.machine_options import BoincMachine, file_names
from vac_boinc.terms import DETAIL, Terms

from vac_core.cli.main import cli
from vac_core.config.schema import MachineType
from vac_core.context.delivery import DELIVERIES
from vac_core.context.user_data_check import user_data_problems
from vac_core.interfaces import Contextualiser, MachineTypeError, PluginError
from vac_core.options import OptionValueError
from vac_core.powers import WatchesMachines
from vac_core.testing import context_request, home, machine, machinetype
from vac_core.testing.contracts import ContextualiserContract

JOB = "<vbox_job><enable_shared_directory/><copy_to_shared>input</copy_to_shared></vbox_job>"


def of_type(directory: Path, job: str | None = "vbox_job.xml", model: str = "docker") -> MachineType:
    options = BoincMachine(boinc_app_job=job, boinc_app_command=("/entrypoint.sh",))
    return machinetype("theory", machine_model=model, files_dir=str(directory), plugin_options={"boinc": options})


@pytest.fixture
def application(tmp_path: Path) -> Path:
    directory = tmp_path / "theory"
    directory.mkdir()
    (directory / "vbox_job.xml").write_text(JOB)
    (directory / "input").write_bytes(b"42 events\n")
    return directory


def of_vm(directory: Path, job: str = JOB, **changes: Any) -> MachineType:
    """A machinetype of virtual machines with this job."""
    (directory / "vbox_job.xml").write_text(job)
    options = BoincMachine(boinc_app_job="vbox_job.xml", boinc_app_outputs=("result",))
    given = {"machine_model": "vm-raw", "files_dir": str(directory), "user_data": None, "mb_per_processor": 2048}
    return machinetype("theory", **{**given, "plugin_options": {"boinc": options}, **changes})


def started(directory: Path) -> BoincApp:
    one = BoincApp()
    one.start(home(directory))
    return one


class OfApplication(ContextualiserContract):
    """What both sorts of machines keep, each with machinetypes of its own."""

    @pytest.fixture(autouse=True)
    def is_there(self, application: Path) -> None:
        self.application = application

    @pytest.fixture
    def contextualiser(self) -> Contextualiser:
        return BoincApp()


class TestVirtualMachines(OfApplication):
    def machinetype(self) -> MachineType:
        return of_vm(self.application)

    def bad_machinetype(self) -> MachineType:
        return of_type(self.application, model="vm-raw")


class TestContract(OfApplication):
    def machinetype(self) -> MachineType:
        return of_type(self.application)

    def bad_machinetype(self) -> MachineType:
        return of_type(self.application, job=None)


def test_a_container_has_the_job_s_files_and_init_data(application: Path) -> None:
    made = BoincApp().context(context_request(machine(), of_type(application)))
    files = {Path(one.path).name: one.content for one in made.files}
    assert files["input"] == b"42 events\n"
    assert b"<app_init_data>" in files["init_data.xml"]


def test_a_file_that_the_job_names_and_that_is_not_there_is_told(application: Path) -> None:
    (application / "input").unlink()
    (told,) = BoincApp().missing(of_type(application))
    assert "input" in told
    with pytest.raises(PluginError, match="input"):
        BoincApp().context(context_request(machine(), of_type(application)))


def test_a_job_that_cannot_be_read_is_told_with_its_file(application: Path) -> None:
    (application / "vbox_job.xml").write_text("<vbox_job>")
    with pytest.raises(PluginError, match=r"vbox_job\.xml: it is not XML"):
        BoincApp().context(context_request(machine(), of_type(application)))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"job": None}, "no boinc_app_job"),
        ({"job": "job.json"}, "neither .xml nor .toml"),
        ({"model": "vm-raw"}, "boinc_app_command is for containers and processes"),
        ({"model": "vm-raw", "job": "job.toml"}, "is for containers, and this is vm-raw"),
    ],
)
def test_what_cannot_be_is_the_machinetype_s_fault(application: Path, options: dict, why: str) -> None:
    with pytest.raises(MachineTypeError, match=why):
        BoincApp().context(context_request(machine(), of_type(application, **options)))


def test_a_pipe_says_neither_where_the_job_is_nor_names_a_file_elsewhere() -> None:
    assert not attrs.fields_dict(BoincMachine)["boinc_app_job"].metadata.get("pipe")
    with pytest.raises(OptionValueError, match="without directories"):
        file_names("result ../../etc/passwd")


def test_a_virtual_machine_shares_what_the_job_copies_and_is_watched_by_its_terms(application: Path) -> None:
    job = JOB.replace(
        "</vbox_job>",
        "<completion_trigger_file>shutdown</completion_trigger_file><heartbeat_filename>heartbeat</heartbeat_filename>"
        "<minimum_heartbeat_interval>1200</minimum_heartbeat_interval><job_duration>64800</job_duration></vbox_job>",
    )
    made = BoincApp().context(context_request(machine(memory_bytes=2**31), of_vm(application, job)))
    assert made.shared is not None
    assert (set(made.shared), made.shared["input"]) == ({"input", "init_data.xml"}, b"42 events\n")
    assert (made.floppy, made.cdrom, made.files) == (b"", b"", ())
    terms = Terms(completion="shutdown", heartbeat="heartbeat", interval=1200.0, duration=64800.0, outputs=("result",))
    assert Terms.unpacked(made.details[DETAIL]) == terms


def test_a_heartbeat_that_no_application_leaves_is_not_waited_for(application: Path) -> None:
    assert BoincApp().check(of_vm(application)) == []
    (told,) = BoincApp().check(of_vm(application, heartbeat_file="heartbeat"))
    assert "heartbeat_filename" in told


def test_without_user_data_of_its_own_cloud_init_mounts_the_shared_directory(application: Path) -> None:
    made = BoincApp().context(context_request(machine(), of_vm(application)))
    assert user_data_problems(made.user_data, DELIVERIES["nocloud"]) == []
    assert b'["mount", "-t", "virtiofs", "shared", "/shared"]' in made.user_data


def test_a_machinetype_s_own_user_data_is_filled_in_as_ever(application: Path, tmp_path: Path) -> None:
    (application / "user_data").write_text("#!/bin/sh\n# ##user_data_machine_hostname##\n")
    of = of_vm(application, user_data="user_data")
    one = machine()
    made = started(tmp_path / "s").context(context_request(one, of))
    assert made.user_data == f"#!/bin/sh\n# {one.name}\n".encode()
    assert set(made.details) == {DETAIL, "user_data_template_sha256"}
    (application / "user_data").unlink()
    assert [line.partition(":")[0] for line in started(tmp_path / "t").missing(of)] == ["user_data"]


@pytest.mark.parametrize(
    ("further", "told"), [("", b"<app_init_data>"), ("<enable_cern_dataformat/>", b"BOINC_USERNAME=vac\n")]
)
def test_a_guest_of_cernvm_s_time_has_its_floppy_and_its_cd(application: Path, further: str, told: bytes) -> None:
    (application / "vm_isocontext.iso").write_bytes(b"an image")
    job = f"<vbox_job><enable_floppyio/><enable_isocontextualization/>{further}</vbox_job>"
    made = BoincApp().context(context_request(machine(), of_vm(application, job)))
    assert (made.shared, made.cdrom) == (None, b"an image")
    assert made.floppy[floppy.TOLD_AT :].startswith(told)
    assert b"mount" not in made.user_data
    assert user_data_problems(made.user_data, DELIVERIES["cernvm"]) == []


def test_what_vac_writes_for_volunteers_is_an_application_here_too(tmp_path: Path) -> None:
    directory = tmp_path / "written"
    (tmp_path / "vac.conf").write_text(
        "[settings]\nvac_space = vac01.example.org\n[machinetype lhcb]\ntarget_share = 1\nmachine_model = vm-raw\n"
        f"max_wallclock_seconds = 7200\nmb_per_processor = 2048\nuser_data = {tmp_path}/template\n"
    )
    (tmp_path / "template").write_text("#!/bin/sh\necho 42 events\n")
    words = ["--config", str(tmp_path / "vac.conf"), "--state-dir", str(tmp_path / "state"), "contextualise", "lhcb"]
    done = CliRunner().invoke(cli, [*words, "--for", "boinc", "--output", str(directory)])
    assert done.exit_code == 0, done.output
    job = (directory / "vbox_job.xml").read_bytes()
    assert (vbox_job.parse(job).job_duration, vbox_job.parse(job).unheeded) == (7200, ())
    of = of_vm(directory, job.decode())
    assert BoincApp().missing(of) == []
    assert BoincApp().missing(attrs.evolve(of, mb_per_processor=2047)) != []
    made = BoincApp().context(context_request(machine(memory_bytes=2**31), of))
    assert made.cdrom == (directory / "vm_isocontext.iso").read_bytes()
    assert b"42 events" in made.cdrom
    assert Terms.unpacked(made.details[DETAIL]).completion == "shutdown"


def test_a_cd_that_is_not_there_is_told(application: Path) -> None:
    (told,) = BoincApp().missing(of_vm(application, "<vbox_job><enable_isocontextualization/></vbox_job>"))
    assert "vm_isocontext.iso" in told
    assert BoincApp().missing(of_type(application)) == [], "a container has no drive that would want it"


def test_a_machine_that_is_too_small_for_its_job_is_told_with_the_mend(application: Path, tmp_path: Path) -> None:
    of = of_vm(application, "<vbox_job><memory_size_mb>4096</memory_size_mb></vbox_job>", min_processors=2)
    for one in (BoincApp(), started(tmp_path / "s")):
        assert one.missing(of) == []
        (told,) = one.missing(attrs.evolve(of, mb_per_processor=2047))
        assert "4094: set mb_per_processor to 2048" in told
    with pytest.raises(MachineTypeError, match="memory_size_mb"):
        BoincApp().context(context_request(machine(memory_bytes=2**31), of))


def test_what_is_passed_over_is_logged_once(application: Path, caplog: pytest.LogCaptureFixture) -> None:
    of = of_vm(application, "<vbox_job><intermediate_upload_file>x</intermediate_upload_file></vbox_job>")
    one = BoincApp()
    for _ in range(3):
        one.context(context_request(machine(), of))
    assert caplog.text.count("<intermediate_upload_file>") == 1
    assert caplog.text.count("<enable_network> is not set") == 1


def test_it_watches_by_the_site_s_limit_of_outputs(application: Path, tmp_path: Path) -> None:
    app = BoincApp()
    app.start(home(tmp_path / "s", joboutputs_max_mb=1))
    directory = tmp_path / "m"
    for name in ("shared", "joboutputs"):
        (directory / name).mkdir(parents=True)
    for name, size in (("result", 2**20 + 1), ("other", 2**20)):
        (directory / "shared" / name).write_bytes(bytes(size))
    one = machine(details={DETAIL: Terms(outputs=("result", "other")).packed()})
    assert isinstance(app, WatchesMachines)
    assert app.look(one, directory, ended=True).startswith("700 ")
    assert {path.name for path in (directory / "joboutputs").iterdir()} == {"other", "fraction_done"}
