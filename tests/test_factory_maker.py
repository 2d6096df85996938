"""Making one machine: what it finds in its directory, and what becomes of it when something is wrong."""

from __future__ import annotations

import asyncio
import math
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from workshop import LHCB, SERVICE, Odd, Workshop, tell

from vac_core.context.delivery import DELIVERIES
from vac_core.factory.binding import Binding
from vac_core.factory.maker import ADDRESS, CREATION_DEADLINE_SECONDS
from vac_core.factory.shared_files import write_shared
from vac_core.interfaces import Context, ContextRequest, MachineTypeError, PluginError, Urls
from vac_core.model import Machine, MachineState, Outcome
from vac_core.testing import NOW, FakeContextualiser, FakeHypervisor, Life, machinetype, settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_machine_is_made_with_its_directory_features_and_context(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = shop.plan(processors=2)
        shop.maker.in_creation.add(one.id)
        await shop.maker.make(shop.order(one))
        directory = shop.directory(one)
        assert mode(directory) == 0o700
        assert (directory / "jobfeatures" / "allocated_cpu").read_text("ascii") == "2"
        assert (directory / "machinefeatures" / "total_cpu").read_text("ascii") == "4"
        assert float((directory / "machinefeatures" / "hs06").read_text("ascii")) == 50.0
        assert list((directory / "joboutputs").iterdir()) == []
        assert shop.now(one).state is MachineState.STARTING
        assert shop.now(one).details == {"fake": "yes"}
        assert shop.happened(one) == ["planned", "created"]
        assert shop.maker.in_creation == set()
        (request,) = shop.contextualiser.requests
        assert request.urls.joboutputs == str(directory / "joboutputs")
        assert request.fetch("http://example.org/t") == b"http://example.org/t"

    tell(story, tmp_path)


def test_a_host_whose_power_is_not_known_is_said_to_have_none(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = shop.plan()
        await shop.maker.make(shop.order(one, given=settings()))
        assert not (shop.directory(one) / "machinefeatures" / "hs06").exists()

    tell(story, tmp_path)


def test_a_machine_without_binds_finds_all_under_its_token_and_metadata_are_private(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        assert isinstance(shop.hypervisor, Odd)
        shop.hypervisor.served = True
        one = shop.plan(token="its-own-token")
        await shop.maker.make(shop.order(one))
        (request,) = shop.contextualiser.requests
        assert request.urls.machinefeatures == f"{SERVICE}/machines/its-own-token/machinefeatures"
        assert request.urls.jobfeatures == f"{SERVICE}/machines/its-own-token/jobfeatures"
        assert request.urls.joboutputs == f"{SERVICE}/machines/its-own-token/joboutputs"
        metadata = shop.directory(one) / "metadata"
        files = [path for path in metadata.rglob("*") if path.is_file()]
        assert any(path.read_bytes() == shop.contextualiser.user_data for path in files)
        assert {mode(path) for path in files} == {0o600}

    tell(story, tmp_path, hypervisor=Odd)


class WithEnvironment(FakeContextualiser):
    """Tells machines where their outputs go."""

    def context(self, request: ContextRequest) -> Context:
        return attrs.evolve(super().context(request), environment={"JOBOUTPUTS": request.urls.joboutputs})


class WithMedia(FakeContextualiser):
    """Gives machines a directory that both write, and disks."""

    shared: Mapping[str, bytes] = {"init_data.xml": b"<app_init_data/>"}

    def context(self, request: ContextRequest) -> Context:
        return attrs.evolve(super().context(request), shared=self.shared, floppy=b"f", cdrom=b"c")


def test_what_a_context_has_besides_is_carried_and_its_shared_directory_made(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = shop.plan()
        await shop.maker.make(shop.order(one, binding=Binding(shop.hypervisor, WithMedia(), None)))
        assert shop.now(one).state is MachineState.STARTING
        assert (shop.directory(one) / "shared" / "init_data.xml").read_bytes() == b"<app_init_data/>"

    tell(story, tmp_path)


def test_what_a_hypervisor_cannot_carry_is_the_machinetypes_fault(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.hypervisor.media = frozenset({"cdrom"})
        one = shop.plan()
        await shop.maker.make(shop.order(one, binding=Binding(shop.hypervisor, WithMedia(), None)))
        assert shop.now(one).state is MachineState.ENDED
        hold = shop.faults.holds(LHCB, NOW)
        assert hold is not None
        assert hold.until is None
        assert hold.reason.startswith("machinetype lhcb: its context has shared, floppy, which the hypervisor fake")
        assert shop.hypervisor.host.machines == {}

    tell(story, tmp_path)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\0"])
def test_a_shared_file_stays_in_its_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginError, match="is no name of a file"):
        write_shared(tmp_path, {name: b""})
    assert list((tmp_path / "shared").iterdir()) == []


def test_a_delivery_shapes_what_the_metadata_service_says(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        assert isinstance(shop.hypervisor, Odd)
        shop.hypervisor.served = True
        one = shop.plan()
        binding = Binding(shop.hypervisor, WithEnvironment(user_data=b"#!/bin/sh\n"), DELIVERIES["ec2"])
        await shop.maker.make(shop.order(one, binding=binding))
        metadata = shop.directory(one) / "metadata"
        assert (metadata / "openstack/latest/user_data").read_bytes() == b"#!/bin/sh\n"
        assert (metadata / "latest/user-data").read_bytes().startswith(b"Content-Type: multipart/mixed")

    tell(story, tmp_path, hypervisor=Odd)


def test_user_data_that_a_machine_could_not_use_is_refused_and_tried_again(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.contextualiser.user_data = b"#cloud-config\na: [\n"
        one = shop.plan()
        binding = Binding(shop.hypervisor, shop.contextualiser, DELIVERIES["nocloud"])
        await shop.maker.make(shop.order(one, binding=binding))
        assert shop.now(one).state is MachineState.ENDED
        (hold,) = [shop.faults.holds(LHCB, NOW)]
        assert hold is not None
        assert hold.reason.startswith("user_data of machinetype lhcb cannot be used: its #cloud-config is not YAML")
        assert hold.until is not None
        assert shop.hypervisor.host.machines == {}

    tell(story, tmp_path)


@pytest.mark.parametrize(
    ("error", "until"), [(MachineTypeError("its user_data is a 404"), None), (PluginError("no route"), 10.0)]
)
def test_a_context_that_cannot_be_made_ends_the_machine_and_says_who_is_at_fault(
    tmp_path: Path, error: Exception, until: float | None
) -> None:
    async def story(shop: Workshop) -> None:
        shop.contextualiser.refuse = lambda _request: error
        one = shop.plan()
        await shop.maker.make(shop.order(one))
        assert shop.now(one).state is MachineState.ENDED
        assert shop.now(one).outcome == Outcome(None, str(error))
        assert shop.now(one).ended == shop.clock()
        assert shop.happened(one) == ["planned", "creation_failed"]
        hold = shop.faults.holds(LHCB, shop.clock())
        assert hold is not None
        assert (hold.reason, hold.until) == (str(error), None if until is None else shop.clock() + until)
        assert shop.host.machines == {}

    tell(story, tmp_path)


@pytest.mark.parametrize("answer", [None, 7, [("a",)]])
def test_a_hypervisor_that_answers_nonsense_to_create_ends_that_machine_alone(tmp_path: Path, answer: object) -> None:
    async def story(shop: Workshop) -> None:
        assert isinstance(shop.hypervisor, Odd)
        shop.hypervisor.created = lambda _request: answer
        one = shop.plan()
        await shop.maker.make(shop.order(one))
        assert shop.now(one).state is MachineState.ENDED
        assert shop.now(one).outcome is not None
        assert "TypeError" in str(shop.now(one).outcome)

    tell(story, tmp_path, hypervisor=Odd)


def test_details_are_kept_as_texts_whatever_a_hypervisor_gives(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        assert isinstance(shop.hypervisor, Odd)
        shop.hypervisor.created = lambda _request: {"pid": 42, "path": tmp_path, 7: b"seven"}
        one = shop.plan(details={"kept": "yes"})
        await shop.maker.make(shop.order(one))
        assert shop.now(one).details == {"kept": "yes", "pid": "42", "path": str(tmp_path), "7": "b'seven'"}
        assert shop.journal.find(one.id) == shop.now(one)

    tell(story, tmp_path, hypervisor=Odd)


def test_a_directory_that_is_there_already_is_not_taken_over(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = shop.plan()
        shop.directory(one).mkdir()
        (shop.directory(one) / "foreign").touch()
        await shop.maker.make(shop.order(one))
        assert shop.now(one).state is MachineState.ENDED
        assert "FileExistsError" in str(shop.now(one).outcome)
        assert [path.name for path in shop.directory(one).iterdir()] == ["foreign"]

    tell(story, tmp_path)


def test_a_creation_that_hangs_is_given_up_and_one_that_comes_of_it_late_is_a_stray(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.host.delays["create"] = CREATION_DEADLINE_SECONDS + 60
        one = shop.plan()
        shop.maker.in_creation.add(one.id)
        await shop.maker.make(shop.order(one))
        assert shop.now(one).state is MachineState.ENDED
        assert str(shop.now(one).outcome).endswith(f"took longer than {CREATION_DEADLINE_SECONDS:g} s")
        shop.ender.tend()
        await asyncio.sleep(1)
        assert shop.now(one).state is MachineState.CLEARED
        await asyncio.sleep(100)
        assert one.id in shop.host.machines, "the late machine is there"
        await shop.look()
        await asyncio.sleep(1)
        assert shop.host.machines == {}

    tell(story, tmp_path)


def test_one_that_is_made_forgives_its_type(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.faults.hold(LHCB, "no image", shop.clock())
        await shop.maker.make(shop.order(shop.plan()))
        assert shop.faults.holds(LHCB, shop.clock()) is None

    tell(story, tmp_path)


def test_the_type_that_failed_is_the_one_that_was_ordered(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        atlas: Any = machinetype("atlas", user_data=None)
        await shop.maker.make(shop.order(shop.plan(machinetype="atlas"), atlas))
        assert shop.faults.holds(atlas, shop.clock()) is not None
        assert shop.faults.holds(LHCB, shop.clock()) is None

    tell(story, tmp_path)


def test_a_machine_that_its_host_refuses_leaves_nothing_there(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.host.failures["create"] = PluginError("out of addresses: widen the network")
        one = shop.plan()
        await shop.maker.make(shop.order(one))
        shop.ender.tend()
        await asyncio.sleep(1)
        assert shop.happened(one) == ["planned", "creation_failed", "cleared"]
        kept = sorted(path.name for path in shop.directory(one).iterdir())
        assert kept == ["jobfeatures", "joboutputs", "machinefeatures"]

    tell(story, tmp_path, life=Life(ends_after=math.inf))


class Addressed(FakeHypervisor):
    """One whose machines have addresses of their own, and look for the service where they know it to be."""

    def service_addresses(self) -> Sequence[tuple[str, int]]:
        return [("192.0.2.254", 80)]

    def address_of(self, machine: Machine) -> str:
        self._act("address_of")
        return f"192.0.2.{machine.slot + 1}"

    def features_for(self, machine: object, directory: Path) -> Urls:
        base = "http://192.0.2.254"
        return Urls(
            machinefeatures=f"{base}/machinefeatures",
            jobfeatures=f"{base}/jobfeatures",
            joboutputs=f"{base}/joboutputs",
        )


def test_a_machine_is_known_by_its_address_before_it_can_call_from_there(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.host.failures["create"] = PluginError("the daemon dies here, for all that the journal knows")
        one = shop.plan(3)
        await shop.maker.make(shop.order(one))
        found = shop.journal.find(one.id)
        assert found is not None
        assert found.details[ADDRESS] == "192.0.2.4"

    tell(story, tmp_path, hypervisor=Addressed)


def test_what_it_is_told_of_by_address_stays_with_it_and_its_metadata_is_served(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make(3)
        assert dict(one.details) == {ADDRESS: "192.0.2.4", "fake": "yes"}
        assert (shop.directory(one) / "metadata" / "openstack" / "latest" / "user_data").is_file()

    tell(story, tmp_path, hypervisor=Addressed)


def test_a_machine_whose_address_cannot_be_told_is_not_made(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.host.failures["address_of"] = PluginError("no slot is left in the network")
        one = shop.plan()
        await shop.maker.make(shop.order(one))
        assert shop.now(one).state is MachineState.ENDED
        assert "no slot is left" in str(shop.now(one).outcome)

    tell(story, tmp_path, hypervisor=Addressed)
