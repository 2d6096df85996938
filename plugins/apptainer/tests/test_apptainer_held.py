"""How a real container is limited, asked to end, ended and cleared away."""

from __future__ import annotations

import os
import time

import pytest
from container_host import Host, printed
from engines import missing
from image_server import wait_until
from vac_apptainer.options import ApptainerMachine

from vac_core.supervision.cgroup import cgroup_of, legacy_parents, parent_of_machines
from vac_core.supervision.members import members
from vac_core.supervision.table import process, processes

pytestmark = pytest.mark.system


def need(limit: str, legacy_limit: str) -> None:
    """See that the tests' own cgroup, in version 2 or version 1, can limit machines by this."""
    parent = parent_of_machines("auto")
    if parent is None:
        missing("the tests' own cgroup is not theirs to use: run them as root or where it is delegated")
    probe = cgroup_of(parent, f"probe-{os.getpid()}", legacy_parents())
    probe.make()
    can = probe.can_limit(limit) or probe.can_limit(legacy_limit)
    probe.end(time.monotonic())
    if not can:
        missing(f"the tests' own cgroup has no {limit}: run them where its controller is delegated")


def test_a_container_that_takes_too_much_memory_is_ended_and_it_is_said_why(host: Host) -> None:
    need("memory.max", "memory.limit_in_bytes")
    greedy = 'awk \'BEGIN { one = sprintf("%1048576s", ""); for (;;) all = all one }\''
    seen, _ = host.run(greedy, memory_bytes=64 * 2**20)
    assert seen.exit_code not in {0, None}
    assert seen.note == "out of memory"


def test_a_fork_bomb_is_held_and_ended(host: Host) -> None:
    need("pids.max", "pids.max")
    options = {"plugin_options": {"apptainer": ApptainerMachine(apptainer_processes=100)}}
    request = host.begin("touch $JOBOUTPUTS/up", "bomb() { bomb | bomb & }; bomb; exec sleep 600", options=options)
    cgroup = host.hypervisor._supervised(request.machine.id)
    assert cgroup is not None
    assert cgroup.held_in is not None
    wait_until(lambda: any("fork" in line for line in printed(request)))
    assert len(cgroup.held_in.processes()) <= 100
    host.hypervisor.destroy(request.machine.id)
    assert members(request.machine.id, None, processes()) == []


def test_a_container_is_ended_with_all_that_it_began(host: Host) -> None:
    leaver = "env -i setsid sh -c 'exec sleep 601' &"
    request = host.begin(leaver, "touch $JOBOUTPUTS/up; exec sleep 600")
    supervised = host.hypervisor._supervised(request.machine.id)
    assert supervised is not None
    within = [one.pid for one in members(request.machine.id, supervised, processes())]
    assert len(within) >= 4
    host.hypervisor.destroy(request.machine.id)
    assert [pid for pid in within if (left := process(pid)) is not None and left.alive] == []


def test_a_container_that_has_ended_leaves_nothing_that_runs(host: Host) -> None:
    seen, _ = host.run("env -i setsid sh -c 'exec sleep 601' &", "exit 0")
    assert seen.exit_code == 0
    wait_until(lambda: members(seen.machine_id, host.hypervisor._supervised(seen.machine_id), processes()) == [])


def test_a_container_is_given_its_time_when_it_is_asked_to_end(host: Host) -> None:
    request = host.begin("trap 'echo asked; exit 3' TERM", "touch $JOBOUTPUTS/up", "sleep 600 & wait")
    host.hypervisor.request_stop(request.machine.id)
    assert host.ended(request.machine.id).exit_code == 3
    assert printed(request).count("asked") == 1


def test_all_of_the_containers_own_processes_are_asked_to_end(host: Host) -> None:
    payload = "sh -c 'trap \"echo payload; exit 0\" TERM; touch $JOBOUTPUTS/up; sleep 600 & wait'"
    request = host.begin("trap 'echo wrapper; exit 4' TERM", payload, "sleep 1")
    host.hypervisor.request_stop(request.machine.id)
    assert host.ended(request.machine.id).exit_code == 4
    assert [line for line in printed(request) if line in {"payload", "wrapper"}] == ["payload", "wrapper"]


def test_a_request_to_stop_is_not_lost_on_a_container_that_has_only_just_begun(host: Host) -> None:
    for _ in range(10):
        request = host.request("exec sleep 600")
        host.hypervisor.create(request)
        host.hypervisor.request_stop(request.machine.id)
        assert host.ended(request.machine.id).ended
        host.hypervisor.destroy(request.machine.id)
