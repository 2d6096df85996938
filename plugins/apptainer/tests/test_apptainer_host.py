"""What a host must have for containers, and how it is said when it has not."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from vac_apptainer import ApptainerHypervisor
from vac_apptainer.account import account
from vac_apptainer.inside import is_inside, numbers
from vac_apptainer.options import ApptainerPlugin
from vac_apptainer.program import program

from vac_core.interfaces import PluginError
from vac_core.model import HealthState
from vac_core.testing import home


def be(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """Let the factory be this user, as far as it asks."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def program_of(directory: Path, *lines: str) -> str:
    """A program that is made of these lines of shell."""
    path = directory / "apptainer"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def test_a_user_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(PluginError, match=r"no user 'nosuchuser'.*useradd"):
        account("nosuchuser")


def test_root_is_no_user_for_containers() -> None:
    with pytest.raises(PluginError, match="root is root"):
        account("root")


def test_a_factory_that_is_root_must_be_told_whom_containers_run_as(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, 0)
    with pytest.raises(PluginError, match="set singularity_user"):
        account(None)
    found = account("nobody")
    assert (found.name, found.own) == ("nobody", False)


def test_a_factory_that_is_not_root_runs_containers_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    be(monkeypatch, nobody)
    assert account(None).own
    assert account("nobody").own
    be(monkeypatch, nobody - 1)
    with pytest.raises(PluginError, match="run it as that user or as root"):
        account("nobody")


def test_a_program_is_found_in_path_and_apptainer_is_preferred(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="install apptainer"):
        program(None, str(tmp_path))
    path = program_of(tmp_path, "echo apptainer version 9.9")
    (tmp_path / "singularity").symlink_to("apptainer")
    found = program(None, str(tmp_path))
    assert (str(found.path), found.version) == (path, "apptainer version 9.9")


def test_a_program_that_was_upgraded_is_asked_again(tmp_path: Path) -> None:
    assert program(program_of(tmp_path, "echo apptainer version 1")).version == "apptainer version 1"
    path = program_of(tmp_path, "echo apptainer version 2")
    os.utime(path, ns=(1, 1))
    assert program(path).version == "apptainer version 2"


def test_a_program_that_cannot_run_is_said_to_fail(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="--version fails"):
        program(program_of(tmp_path, "exit 3"))
    with pytest.raises(PluginError, match="mend program in"):
        program(str(tmp_path / "gone"))


def test_health_names_what_is_missing_and_the_mend(tmp_path: Path) -> None:
    hypervisor = ApptainerHypervisor()
    hypervisor.start(home(tmp_path, options=ApptainerPlugin(program=str(tmp_path / "gone"))))
    health = hypervisor.health()
    hypervisor.stop()
    assert health.state is HealthState.UNUSABLE
    assert "gone" in health.found
    assert "install apptainer" in health.mend


def test_health_wants_a_user_for_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hypervisor = ApptainerHypervisor()
    hypervisor.start(home(tmp_path, options=ApptainerPlugin(program=program_of(tmp_path, "echo apptainer version 1"))))
    be(monkeypatch, 0)
    health = hypervisor.health()
    hypervisor.stop()
    assert (health.state, health.mend) == (
        HealthState.UNUSABLE, "set singularity_user in [settings] to a user for them"
    )  # fmt: skip


def test_the_guests_own_processes_are_those_that_its_namespace_numbers_from_the_second_on() -> None:
    assert numbers(os.getpid())[0] == os.getpid()
    assert not is_inside((4711,))
    assert not is_inside((4711, 1))
    assert is_inside((4711, 13))
    assert not is_inside(numbers(2**22 + 1))
