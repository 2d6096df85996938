"""What every hypervisor keeps."""
# ruff: noqa: D102 - the names of the tests say what is kept

from __future__ import annotations

import ipaddress
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import attrs
import pytest

from vac_core.config.schema import MachineType
from vac_core.context.delivery import DELIVERIES
from vac_core.interfaces import CreateRequest, Home, Hypervisor, MachineTypeError, Urls
from vac_core.model import Health
from vac_core.powers import (
    MEDIA,
    CanCap,
    CanPause,
    CarriesMedia,
    DeliversContexts,
    HasResources,
    KeepsLog,
    Resources,
    ServesGuests,
)
from vac_core.testing.contracts.host import Host, opened
from vac_core.testing.makers import create_request, machine, machinetype
from vac_core.testing.makers import home as make_home


class HypervisorContract:
    """Subclass it, and give it a fixture ``hypervisor`` and programs that behave as said.

    Where the hypervisor works in virtual time, let `pass_time` advance it.
    """

    user_data_stays: ClassVar[bytes] = b"#!/bin/sh\nexec sleep 600\n"
    """What a machine is given that runs on until it is asked to end, and then ends."""
    user_data_ends: ClassVar[bytes] = b"#!/bin/sh\nexit 0\n"
    """What ends by itself within `patience_seconds`."""
    user_data_stubborn: ClassVar[bytes | None] = b"#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n"
    """What does not end when it is asked to; None where a machine cannot help it."""
    user_data_bad: ClassVar[bytes | None] = b""
    """What can be seen to be no good before a machine is made of it; None where that cannot be seen."""
    patience_seconds: ClassVar[float] = 60.0
    """How long an event may take."""

    @pytest.fixture
    def hypervisor(self) -> Hypervisor:
        """The object under test, not started."""
        raise NotImplementedError("give the contract a fixture named hypervisor")

    def again(self, hypervisor: Hypervisor) -> Hypervisor:
        """The object that a factory has after a restart: a new one, on the same host."""
        return type(hypervisor)()

    def machinetype(self, hypervisor: Hypervisor) -> MachineType:
        """A machinetype that suits it."""
        return machinetype(machine_model=min(hypervisor.machine_models), hypervisor=hypervisor.name)

    def pass_time(self) -> None:
        """Called while a test waits."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        """The home of the factory under test."""
        return make_home(tmp_path)

    @pytest.fixture
    def host(self, hypervisor: Hypervisor, home: Home) -> Iterator[Host]:
        """The hypervisor, started and watched; whatever a test leaves there is destroyed after it."""
        with opened(hypervisor, home) as host:
            yield host
        with opened(self.again(hypervisor), home) as left:
            for one in left.hypervisor.list_machines():
                left.hypervisor.destroy(one.machine_id)

    def request(self, host: Host, user_data: bytes, home: Home | None = None) -> CreateRequest:
        """A request for a machine that is given this user_data."""
        of_type = self.machinetype(host.hypervisor)
        one = machine(machinetype=of_type.name, machine_model=of_type.machine_model, hypervisor=host.hypervisor.name)
        return create_request(home or host.home, one, of_type, user_data=user_data)

    def made(self, host: Host, user_data: bytes) -> str:
        """The id of a machine that was made and has been seen running, or has ended already."""
        request = self.request(host, user_data)
        host.hypervisor.create(request)
        self.wait(host, lambda: host.runs(request.machine.id) or host.has_ended(request.machine.id))
        return request.machine.id

    def wait(self, host: Host, condition: Callable[[], bool]) -> None:
        """Wait for news until the condition holds."""
        deadline = time.monotonic() + self.patience_seconds
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"no news made it true in {self.patience_seconds} s: {host.hypervisor.list_machines()}"
            self.pass_time()
            try:
                host.news.get(timeout=left)
            except queue.Empty:
                continue

    def test_it_has_a_name_and_models_and_speaks_of_its_health(self, host: Host) -> None:
        assert host.hypervisor.name
        assert host.hypervisor.machine_models
        assert isinstance(host.hypervisor.health(), Health)

    def test_it_finds_no_fault_with_a_machinetype_that_suits_it(self, host: Host) -> None:
        assert list(host.hypervisor.check(self.machinetype(host.hypervisor))) == []

    def test_it_begins_with_no_machine(self, host: Host) -> None:
        assert list(host.hypervisor.list_machines()) == []

    def test_features_are_paths_or_left_to_the_http_service(self, host: Host) -> None:
        request = self.request(host, self.user_data_stays)
        urls = host.hypervisor.features_for(request.machine, request.directory)
        if urls is not None:
            for one in attrs.astuple(urls):
                assert one.startswith(("/", "http://", "https://"))
                assert not one.endswith("/")
            assert isinstance(urls, Urls)

    def test_a_machine_runs_and_is_told_of(self, host: Host) -> None:
        machine_id = self.made(host, self.user_data_stays)
        seen = host.find(machine_id)
        assert seen is not None
        assert (seen.running, seen.ended, seen.paused, seen.exit_code) == (True, False, False, None)
        assert seen.cpu_seconds is None or seen.cpu_seconds >= 0

    def test_what_is_kept_in_the_journal_is_text(self, host: Host) -> None:
        details = host.hypervisor.create(self.request(host, self.user_data_stays))
        assert isinstance(details, Mapping)
        assert all(isinstance(part, str) for pair in details.items() for part in pair)

    def test_a_machine_ends_by_itself_and_its_remains_are_listed(self, host: Host) -> None:
        machine_id = self.made(host, self.user_data_ends)
        self.wait(host, lambda: host.has_ended(machine_id))
        seen = host.find(machine_id)
        assert seen is not None
        assert not seen.running
        assert seen.exit_code in {0, None}
        assert seen.cpu_seconds is None or seen.cpu_seconds >= 0

    def test_a_machine_ends_when_it_is_asked_to(self, host: Host) -> None:
        machine_id = self.made(host, self.user_data_stays)
        host.hypervisor.request_stop(machine_id)
        self.wait(host, lambda: host.has_ended(machine_id))

    def test_to_ask_an_ended_or_unknown_machine_to_end_is_no_error(self, host: Host) -> None:
        machine_id = self.made(host, self.user_data_ends)
        self.wait(host, lambda: host.has_ended(machine_id))
        host.hypervisor.request_stop(machine_id)
        host.hypervisor.request_stop("00000000-0000-4000-8000-000000000000")
        assert host.has_ended(machine_id)

    def test_destroying_ends_a_running_machine_and_forgets_it(self, host: Host) -> None:
        machine_id = self.made(host, self.user_data_stays)
        host.hypervisor.destroy(machine_id)
        assert host.find(machine_id) is None

    def test_destroying_ends_a_machine_that_does_not_heed(self, host: Host) -> None:
        if self.user_data_stubborn is None:
            pytest.skip("a machine of this hypervisor cannot help ending when it is asked to")
        machine_id = self.made(host, self.user_data_stubborn)
        host.hypervisor.request_stop(machine_id)
        host.hypervisor.destroy(machine_id)
        assert host.find(machine_id) is None

    def test_destroying_again_or_an_unknown_machine_is_no_error(self, host: Host) -> None:
        machine_id = self.made(host, self.user_data_stays)
        host.hypervisor.destroy(machine_id)
        host.hypervisor.destroy(machine_id)
        host.hypervisor.destroy("00000000-0000-4000-8000-000000000000")
        assert list(host.hypervisor.list_machines()) == []

    def test_the_machines_directory_and_outputs_outlive_it(self, host: Host) -> None:
        request = self.request(host, self.user_data_stays)
        host.hypervisor.create(request)
        (request.directory / "joboutputs" / "kept").write_bytes(b"of use to the site")
        host.hypervisor.destroy(request.machine.id)
        assert (request.directory / "joboutputs" / "kept").read_bytes() == b"of use to the site"
        assert (request.directory / "machinefeatures").is_dir()

    def test_two_machines_live_apart(self, host: Host) -> None:
        one, other = self.made(host, self.user_data_stays), self.made(host, self.user_data_stays)
        host.hypervisor.destroy(one)
        assert host.find(one) is None
        assert host.runs(other)

    def test_several_are_made_at_one_time(self, host: Host) -> None:
        requests = [self.request(host, self.user_data_stays) for _ in range(4)]
        threads = [threading.Thread(target=host.hypervisor.create, args=(request,)) for request in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.wait(host, lambda: all(host.runs(request.machine.id) for request in requests))

    def test_a_machine_that_is_there_is_not_made_again(self, host: Host) -> None:
        request = self.request(host, self.user_data_stays)
        host.hypervisor.create(request)
        with pytest.raises(Exception, match=request.machine.id):
            host.hypervisor.create(request)
        self.wait(host, lambda: host.runs(request.machine.id))

    def test_bad_user_data_is_the_machinetypes_fault_and_leaves_nothing(self, host: Host) -> None:
        if self.user_data_bad is None:
            pytest.skip("this hypervisor cannot tell bad user_data before the machine runs")
        request = self.request(host, self.user_data_bad)
        with pytest.raises(MachineTypeError, match=request.machinetype.name):
            host.hypervisor.create(request)
        host.hypervisor.destroy(request.machine.id)
        assert host.find(request.machine.id) is None

    def test_machines_outlive_the_factory_and_are_found_again(self, host: Host) -> None:
        stays, ends = self.made(host, self.user_data_stays), self.made(host, self.user_data_ends)
        self.wait(host, lambda: host.has_ended(ends))
        host.hypervisor.stop()
        with opened(self.again(host.hypervisor), host.home) as found:
            assert found.runs(stays)
            assert found.has_ended(ends)
            found.hypervisor.request_stop(stays)
            self.wait(found, lambda: found.has_ended(stays))
            for one in (stays, ends):
                found.hypervisor.destroy(one)
            assert list(found.hypervisor.list_machines()) == []

    def test_another_factorys_machines_are_not_its_own(self, host: Host, tmp_path: Path) -> None:
        machine_id = self.made(host, self.user_data_stays)
        elsewhere = make_home(tmp_path / "other", factory="wn02.example.org")
        with opened(self.again(host.hypervisor), elsewhere) as other:
            assert list(other.hypervisor.list_machines()) == []
            other.hypervisor.destroy(machine_id)
            other.hypervisor.request_stop(machine_id)
        assert host.runs(machine_id)

    def test_a_machine_is_held_still_and_goes_on(self, host: Host) -> None:
        if not isinstance(host.hypervisor, CanPause):
            pytest.skip("this hypervisor cannot pause")
        machine_id = self.made(host, self.user_data_stays)
        host.hypervisor.pause(machine_id)
        self.wait(host, lambda: host.paused(machine_id) is True)
        host.hypervisor.resume(machine_id)
        self.wait(host, lambda: host.paused(machine_id) is False)
        assert host.runs(machine_id)

    def test_a_machine_that_is_held_still_can_be_ended(self, host: Host) -> None:
        if not isinstance(host.hypervisor, CanPause):
            pytest.skip("this hypervisor cannot pause")
        asked, destroyed = self.made(host, self.user_data_stays), self.made(host, self.user_data_stays)
        for one in (asked, destroyed):
            host.hypervisor.pause(one)
        host.hypervisor.request_stop(asked)
        self.wait(host, lambda: host.has_ended(asked))
        host.hypervisor.destroy(destroyed)
        assert host.find(destroyed) is None

    def test_a_machine_is_held_down_and_let_go(self, host: Host) -> None:
        if not isinstance(host.hypervisor, CanCap):
            pytest.skip("this hypervisor cannot hold down the use of processors")
        machine_id = self.made(host, self.user_data_stays)
        host.hypervisor.cap(machine_id, 0.5)
        host.hypervisor.cap(machine_id, None)
        host.hypervisor.cap("00000000-0000-4000-8000-000000000000", 0.5)
        assert host.runs(machine_id)

    def test_what_a_machine_prints_is_shown_up_to_a_length(self, host: Host) -> None:
        if not isinstance(host.hypervisor, KeepsLog):
            pytest.skip("this hypervisor leaves what machines print in their directories")
        machine_id = self.made(host, self.user_data_stays)
        assert isinstance(host.hypervisor.console_log(machine_id, 4096), bytes)
        assert len(host.hypervisor.console_log(machine_id, 1)) <= 1
        assert host.hypervisor.console_log("00000000-0000-4000-8000-000000000000", 4096) == b""

    def test_it_says_what_it_has_to_promise(self, host: Host) -> None:
        if not isinstance(host.hypervisor, HasResources):
            pytest.skip("this hypervisor has nothing that is scarce")
        of_type = self.machinetype(host.hypervisor)
        told = host.hypervisor.resources([of_type])
        assert isinstance(told, Resources)
        assert dict(told.refusals) == {}, "a machinetype that suits it is not refused"
        assert set(told.demands) <= {of_type.name}
        for resource, demand in told.demands.get(of_type.name, {}).items():
            assert demand.of(1) <= told.capacity[resource]
        assert dict(host.hypervisor.resources([]).demands) == {}

    def test_machines_with_addresses_have_each_its_own(self, host: Host) -> None:
        if not isinstance(host.hypervisor, ServesGuests):
            pytest.skip("machines of this hypervisor have no addresses to themselves")
        addresses = [host.hypervisor.address_of(machine(slot)) for slot in range(8)]
        given = [ipaddress.ip_address(one) for one in addresses if one]
        assert len(set(given)) == len(given)
        for address, port in host.hypervisor.service_addresses():
            assert ipaddress.ip_address(address) not in given
            assert 0 < port < 65536

    def test_what_it_carries_are_media_that_there_are(self, host: Host) -> None:
        if not isinstance(host.hypervisor, CarriesMedia):
            pytest.skip("this hypervisor carries no media")
        assert host.hypervisor.media <= set(MEDIA)

    def test_its_way_of_delivery_is_one_that_there_is(self, host: Host) -> None:
        if not isinstance(host.hypervisor, DeliversContexts):
            pytest.skip("this hypervisor has one way of delivering contexts")
        assert host.hypervisor.delivery_of(self.machinetype(host.hypervisor)) in DELIVERIES
