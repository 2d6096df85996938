"""KVM is trusted after a guest has run under it, and what was found is kept with the versions it was found with."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vac_libvirt.acceleration import Accelerator
from vac_libvirt.trial_guest import SAYS, trial_disk

from vac_core.model import HealthState


class Daemon:
    """What is asked of a connection here."""

    def __init__(self, version: int = 7_002_022, driver: str = "QEMU") -> None:
        self._version, self._driver = version, driver

    def getVersion(self) -> int:  # noqa: N802 - libvirt's name
        return self._version

    def getType(self) -> str:  # noqa: N802 - libvirt's name
        return self._driver


class Trials:
    """Counts trials, all with one result."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble, self.count = trouble, 0

    def __call__(self, libvirtd: Any) -> str:
        self.count += 1
        return self.trouble


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kvm"


def settled(kept: Path, trial: Callable[[Any], str], daemon: Any = None, wanted: str = "auto") -> Accelerator:
    one = Accelerator(kept, lambda: wanted)
    one.settle(daemon or Daemon(), trial)
    return one


def test_where_a_guest_has_run_kvm_is_used_and_not_tried_again(kept: Path) -> None:
    trials = Trials()
    for _ in range(2):
        one = settled(kept, trials)
        assert one.domain_type() == "kvm"
    assert trials.count == 1
    assert one.health().state is HealthState.HEALTHY
    assert os.uname().release in one.health().found
    assert "7.2.22" in one.health().found


def test_where_no_guest_has_run_machines_are_emulated_loudly_and_kvm_is_tried_at_the_next_start(
    kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trials = Trials("a guest was not done in 5 s")
    with caplog.at_level(logging.WARNING):
        one = settled(kept, trials)
        one.settle(Daemon(), trials)
    assert trials.count == 1
    assert one.domain_type() == "qemu"
    assert "KVM IS NOT USED" in caplog.text
    assert one.health().state is HealthState.DEGRADED
    assert "was not done in 5 s" in one.health().found
    assert "virt_type = qemu" in one.health().mend
    assert settled(kept, Trials()).domain_type() == "kvm"


@pytest.mark.parametrize("change", [{"kernel": "another"}, {"qemu": 8_000_000}, {"trouble": 3}])
def test_another_kernel_or_qemu_is_tried_anew(kept: Path, change: dict[str, Any]) -> None:
    settled(kept, Trials())
    kept.write_text(json.dumps({**json.loads(kept.read_text()), **change}))
    trials = Trials("no")
    assert settled(kept, trials).domain_type() == "qemu"
    assert trials.count == 1


@pytest.mark.parametrize("raw", ["", "[]", "{}", "null", '{"kernel": [], "qemu": "x"}'])
def test_a_torn_note_is_no_note(kept: Path, raw: str) -> None:
    kept.write_text(raw)
    trials = Trials()
    assert settled(kept, trials).domain_type() == "kvm"
    assert trials.count == 1


@pytest.mark.parametrize("wanted", ["kvm", "qemu"])
def test_what_the_site_says_is_done_without_a_trial(kept: Path, wanted: str) -> None:
    trials = Trials("no")
    one = settled(kept, trials, wanted=wanted)
    assert (one.domain_type(), trials.count) == (wanted, 0)
    assert one.health().state is HealthState.HEALTHY


def test_libvirts_test_driver_has_a_type_of_its_own(kept: Path) -> None:
    trials = Trials("no")
    assert settled(kept, trials, Daemon(driver="Test")).domain_type() == "test"
    assert trials.count == 0


def test_the_trial_guest_is_one_sector_that_a_bios_boots() -> None:
    disk = trial_disk()
    assert (len(disk), disk[510:512]) == (2**20, b"\x55\xaa")
    assert SAYS in disk[:510]
    assert disk[512:].strip(b"\0") == b""
