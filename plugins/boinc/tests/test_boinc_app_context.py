"""The contextualiser ``boinc-app``: what machines are given, and what is refused."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from vac_boinc.boinc_app import BoincApp
from vac_boinc.machine_options import BoincMachine, file_names

from vac_core.config.schema import MachineType
from vac_core.interfaces import Contextualiser, MachineTypeError, PluginError
from vac_core.options import OptionValueError
from vac_core.testing import context_request, machine, machinetype
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


class TestContract(ContextualiserContract):
    @pytest.fixture(autouse=True)
    def is_there(self, application: Path) -> None:
        self.application = application

    @pytest.fixture
    def contextualiser(self) -> Contextualiser:
        return BoincApp()

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
        ({"model": "vm"}, "containers and processes"),
    ],
)
def test_what_cannot_be_is_the_machinetype_s_fault(application: Path, options: dict, why: str) -> None:
    with pytest.raises(MachineTypeError, match=why):
        BoincApp().context(context_request(machine(), of_type(application, **options)))


def test_a_pipe_says_neither_where_the_job_is_nor_names_a_file_elsewhere() -> None:
    assert not attrs.fields_dict(BoincMachine)["boinc_app_job"].metadata.get("pipe")
    with pytest.raises(OptionValueError, match="without directories"):
        file_names("result ../../etc/passwd")
