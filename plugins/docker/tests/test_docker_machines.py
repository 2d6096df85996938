"""What a machine finds in its container, what holds it there, and what is left of it."""

from __future__ import annotations

import contextlib
import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from docker_kit import IMAGE, client_of, docker_engine, load, machinetype, request
from vac_docker import DockerHypervisor, DockerMachine, DockerPlugin
from vac_docker.testing import busybox_archive
from vac_docker.values import Device, Gpu

from vac_core.config.schema import MachineType
from vac_core.interfaces import ContextFile, CreateRequest, Home, MachineTypeError, Observed, PluginError
from vac_core.model import HealthState
from vac_core.testing import home as make_home
from vac_core.testing.box import DEADLINE, ContainerHost

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
CHECK = """#!/bin/sh
out() { echo "$1=$2"; }
out uid "$(id -u)"
out hostname "$(hostname)"
out machine "$VAC_MACHINE_ID"
out job_id "$(cat $JOBFEATURES/job_id)"
out features "$MACHINEFEATURES $JOBFEATURES $JOBOUTPUTS"
sed -n 's/^\\(CapEff\\|CapBnd\\|NoNewPrivs\\|Seccomp\\):\\t/\\1=/p' /proc/self/status
touch $MACHINEFEATURES/x 2>/dev/null || out machinefeatures read-only
touch /user_data 2>/dev/null || out user_data read-only
touch /root_was_written 2>/dev/null && out root writable
[ -e /var/run/docker.sock ] || out socket absent
out memory "$(cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null)"
out swap "$(cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes /sys/fs/cgroup/memory.swap.max 2>/dev/null)"
out quota "$(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max)"
out pids "$(cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null)"
out files "$(ulimit -Hn)"
out largest "$(ulimit -Hf)"
out arguments "$*"
out given "$GIVEN"
echo '200 All is well' > $JOBOUTPUTS/shutdown_message
"""
JOB_ID = "the id of the job"


class Bench:
    """A hypervisor on an engine, and what it tells."""

    def __init__(self, engine: ContainerHost, home: Home, **options: object) -> None:
        self.engine = engine
        self.home = home
        self.hypervisor = DockerHypervisor(DockerPlugin(socket=engine.url, **options))  # type: ignore[arg-type]
        self.news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.hypervisor.start(home)
        self.hypervisor.watch(self.news.put)

    def request(self, user_data: str, kind: MachineType | None = None, **context: object) -> CreateRequest:
        wanted = request(self.home, user_data, kind, **context)
        (wanted.directory / "jobfeatures" / "job_id").write_text(JOB_ID)
        return wanted

    def find(self, machine_id: str) -> Observed | None:
        return next((one for one in self.hypervisor.list_machines() if one.machine_id == machine_id), None)

    def wait(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.news.get(timeout=DEADLINE)

    def ended(self, machine_id: str) -> Observed:
        self.wait(lambda: (one := self.find(machine_id)) is not None and one.ended)
        found = self.find(machine_id)
        assert found is not None
        return found

    def run(self, user_data: str, kind: MachineType | None = None, **context: object) -> tuple[Observed, CreateRequest]:
        """Make a machine and wait for its end."""
        wanted = self.request(user_data, kind, **context)
        self.hypervisor.create(wanted)
        return self.ended(wanted.machine.id), wanted

    def printed(self, wanted: CreateRequest) -> str:
        self.hypervisor.destroy(wanted.machine.id)
        log = wanted.directory / "console.log"
        return log.read_text() if log.exists() else ""

    def said(self, wanted: CreateRequest) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.printed(wanted).splitlines())


@contextlib.contextmanager
def bench(engine: ContainerHost, directory: Path, **options: object) -> Iterator[Bench]:
    one = Bench(engine, make_home(directory), **options)
    try:
        yield one
    finally:
        for machine in one.hypervisor.list_machines():
            one.hypervisor.destroy(machine.machine_id)
        one.hypervisor.stop()


@pytest.fixture
def on_docker(docker_box: ContainerHost, tmp_path: Path) -> Iterator[Bench]:
    with bench(docker_box, tmp_path) as one:
        yield one


def test_a_machine_finds_its_context_and_little_else(on_docker: Bench) -> None:
    options = DockerMachine(
        container_args=("one", "two words"), container_environment=(("GIVEN", "by option"), ("JOBOUTPUTS", "elsewhere"))
    )
    observed, wanted = on_docker.run(CHECK, machinetype(options), environment={"VAC_MACHINE_ID": "another"})
    assert (observed.exit_code, observed.note) == (0, "")
    said = on_docker.said(wanted)
    assert said["hostname"] == wanted.context.hostname
    assert said["machine"] == wanted.machine.id
    assert said["job_id"] == JOB_ID
    assert said["features"] == "/etc/machinefeatures /etc/jobfeatures /var/spool/joboutputs"
    assert (said["machinefeatures"], said["user_data"]) == ("read-only", "read-only")
    assert (said["arguments"], said["given"]) == ("one two words", "by option")
    assert (wanted.directory / "joboutputs" / "shutdown_message").read_text() == "200 All is well\n"


def test_a_machine_is_held_to_what_it_was_promised_and_can_gain_nothing(on_docker: Bench) -> None:
    _, wanted = on_docker.run(CHECK, machinetype(DockerMachine(container_pids=64, container_open_files=512)))
    said = on_docker.said(wanted)
    assert said["CapEff"] == said["CapBnd"] == "0" * 16
    assert (said["NoNewPrivs"], said["Seccomp"], said["socket"]) == ("1", "2", "absent")
    assert said["memory"] == str(wanted.machine.memory_bytes)
    assert said["swap"] in {str(wanted.machine.memory_bytes), "0"}
    assert (said["quota"], said["pids"], said["files"]) == ("100000", "64", "512")
    assert said["root"] == "writable"


def test_its_root_may_be_read_only_and_its_capabilities_chosen(on_docker: Bench) -> None:
    options = DockerMachine(read_only_root=True, capabilities=("CHOWN",))
    _, wanted = on_docker.run(CHECK, machinetype(options))
    said = on_docker.said(wanted)
    assert "root" not in said
    assert int(said["CapEff"], 16) == 1


def test_a_machine_runs_as_the_user_that_its_image_names(on_docker: Bench) -> None:
    load(on_docker.engine, busybox_archive("localhost/vac-tests:nobody", User="nobody"))
    secret = ContextFile(path="/etc/secret", content=b"for the VO alone", mode=0o600)
    check = CHECK + "cat /etc/secret\nid -u > $JOBOUTPUTS/uid\nid -u > /scratch/uid && id -u > /tmp/uid\n"
    kind = machinetype(root_image="docker://localhost/vac-tests:nobody", tmp_binds=("/tmp", "/scratch"))
    observed, wanted = on_docker.run(check, kind, files=(secret,))
    assert observed.exit_code == 0
    text = on_docker.printed(wanted)
    assert "uid=65534" in text
    assert text.endswith("for the VO alone")
    assert (wanted.directory / "joboutputs" / "uid").read_text() == "65534\n"


def test_user_namespaces_of_the_engine_are_honoured(tmp_path: Path) -> None:
    secret = ContextFile(path="/etc/secret", content=b"for the VO alone", mode=0o600)
    check = (
        "#!/bin/sh\necho map=$(cat /proc/self/uid_map)\necho > /scratch/x && echo > $JOBOUTPUTS/x && cat /etc/secret\n"
    )
    with docker_engine(**{"userns-remap": "default"}) as engine, bench(engine, tmp_path) as at:
        assert "user namespaces" in at.hypervisor.health().found
        observed, wanted = at.run(check, machinetype(tmp_binds=("/scratch",)), files=(secret,))
        assert observed.exit_code == 0
        text = at.printed(wanted)
        assert text.endswith("for the VO alone")
        assert "map=0 0 " not in text


def test_a_machine_that_wants_too_much_memory_is_told_of_as_such(on_docker: Bench) -> None:
    observed, _ = on_docker.run("#!/bin/sh\nx=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done\n")
    assert observed.note == "out of memory"
    assert observed.exit_code == 137


def test_what_it_printed_is_kept_to_a_length_and_shown_meanwhile(docker_box: ContainerHost, tmp_path: Path) -> None:
    with bench(docker_box, tmp_path, container_log_kb=16) as at:
        lines = "#!/bin/sh\nfor n in $(seq 20000); do echo line $n; done\necho end\n"
        wanted = at.request(lines + "echo >$JOBOUTPUTS/done\nexec sleep 600\n")
        fifo = wanted.directory / "joboutputs" / "done"
        os.mkfifo(fifo)
        at.hypervisor.create(wanted)
        fifo.read_bytes()
        while at.hypervisor.console_log(wanted.machine.id, 4) != b"end\n":
            pass  # the engine writes down what it reads from a machine a moment later; the test's timeout bounds this
        text = at.printed(wanted)
        assert text.endswith("line 20000\nend\n")
        assert 4 * 1024 < len(text) <= 16 * 1024


def test_a_foreign_container_with_our_name_is_left_alone(on_docker: Bench) -> None:
    wanted = on_docker.request("#!/bin/sh\n")
    with client_of(on_docker.engine) as client:
        foreign = client.create_container(IMAGE, ["sleep", "600"], name=wanted.machine.name)["Id"]
        with pytest.raises(PluginError, match=rf"container named {wanted.machine.name} is there already"):
            on_docker.hypervisor.create(wanted)
        assert on_docker.find(wanted.machine.id) is None
        assert client.inspect_container(foreign)["State"]["Status"] == "created"
        client.remove_container(foreign)


def test_what_is_left_of_the_last_machine_in_a_slot_makes_room_for_the_next(on_docker: Bench) -> None:
    first, next_one = on_docker.request("#!/bin/sh\necho first\n"), on_docker.request("#!/bin/sh\n")
    on_docker.hypervisor.create(first)
    on_docker.ended(first.machine.id)
    again = in_slot_of(next_one, first)
    on_docker.hypervisor.create(again)
    on_docker.ended(again.machine.id)
    assert on_docker.printed(first) == "first\n"
    assert on_docker.find(again.machine.id) is not None


def in_slot_of(one: CreateRequest, other: CreateRequest) -> CreateRequest:
    """The same request, in another's slot."""
    return attrs.evolve(one, context=attrs.evolve(one.context, hostname=other.context.hostname))


def test_nothing_of_a_machine_stays_but_what_it_put_out(on_docker: Bench) -> None:
    _, wanted = on_docker.run("#!/bin/sh\necho out\n", machinetype(tmp_binds=("/scratch",)))
    on_docker.hypervisor.destroy(wanted.machine.id)
    left = sorted(path.name for path in wanted.directory.iterdir())
    assert left == ["console.log", "jobfeatures", "joboutputs", "machinefeatures"]
    with client_of(on_docker.engine) as client:
        labels = {"label": [f"vac.machine={wanted.machine.id}"]}
        assert client.containers(all=True, filters=labels) == []
        assert not client.volumes(filters=labels)["Volumes"]
    assert not list((on_docker.home.state_dir / "machines").iterdir())


def test_a_program_that_its_image_does_not_have_is_told_of(on_docker: Bench) -> None:
    observed, wanted = on_docker.run("#!/usr/bin/python3\n")
    assert observed.exit_code == 127
    assert "not in its image" in observed.note
    assert "/user_data" in on_docker.printed(wanted)


def test_a_user_that_its_image_does_not_have_is_the_machinetypes_fault(on_docker: Bench) -> None:
    wanted = on_docker.request("#!/bin/sh\n", machinetype(DockerMachine(container_user="nosuchuser")))
    with pytest.raises(MachineTypeError, match="container_user"):
        on_docker.hypervisor.create(wanted)
    assert on_docker.find(wanted.machine.id) is None


def test_an_image_that_is_not_on_the_list_makes_no_machine(on_docker: Bench) -> None:
    kind = machinetype(DockerMachine(image_digests_allowed=(f"sha256:{'0' * 64}",)))
    assert "image_digests_allowed" in on_docker.hypervisor.resources([kind]).refusals["lhcb"]
    with pytest.raises(PluginError, match="image_digests_allowed"):
        on_docker.hypervisor.create(on_docker.request("#!/bin/sh\n", kind))
    with client_of(on_docker.engine) as client:
        allowed = client.inspect_image(IMAGE)["Id"]
    kind = machinetype(DockerMachine(image_digests_allowed=(allowed,)))
    details = on_docker.hypervisor.create(on_docker.request("#!/bin/sh\n", kind))
    assert details["image_id"] == allowed


def test_each_gpu_is_lent_once(docker_box: ContainerHost, tmp_path: Path) -> None:
    gpus = (Gpu("/dev/zero"), Gpu("/dev/full+/dev/null"))
    kind = machinetype(DockerMachine(gpus=1, devices=(Device("/dev/urandom", "/dev/dice", "r"),)))
    show = "#!/bin/sh\nls /dev/dice && exec sleep 600\n"
    with bench(docker_box, tmp_path, gpus=gpus) as at:
        told = at.hypervisor.resources([kind])
        assert list(told.capacity.values()) == [2]
        first, second, third = (at.request(show, kind) for _ in range(3))
        assert at.hypervisor.create(first)["gpus"] == "/dev/zero"
        assert at.hypervisor.create(second)["gpus"] == "/dev/full+/dev/null"
        with pytest.raises(PluginError, match="0 of 2 are free"):
            at.hypervisor.create(third)
        at.hypervisor.destroy(first.machine.id)
        assert at.hypervisor.create(third)["gpus"] == "/dev/zero"


def test_health_says_what_the_engine_is_and_that_it_is_gone(on_docker: Bench, tmp_path: Path) -> None:
    health = on_docker.hypervisor.health()
    assert health.state is HealthState.HEALTHY
    assert "Docker 20.10" in health.found or "Docker" in health.found
    assert "memory" in health.found
    elsewhere = DockerHypervisor(DockerPlugin(socket=f"unix://{tmp_path}/none.sock"))
    elsewhere.start(make_home(tmp_path / "elsewhere"))
    health = elsewhere.health()
    elsewhere.stop()
    assert health.state is HealthState.UNUSABLE
    assert "start the engine" in health.mend


def test_figures_of_processor_and_memory_are_told(on_docker: Bench) -> None:
    wanted = on_docker.request("#!/bin/sh\necho >$JOBOUTPUTS/done\nexec sleep 600\n")
    os.mkfifo(wanted.directory / "joboutputs" / "done")
    on_docker.hypervisor.create(wanted)
    (wanted.directory / "joboutputs" / "done").read_bytes()
    (usage,) = on_docker.hypervisor.figures().values()
    observed = on_docker.find(wanted.machine.id)
    assert observed is not None
    assert observed.running
    assert observed.cpu_seconds == usage.cpu_seconds
    assert 0 < usage.cpu_seconds < DEADLINE
    assert 0 < usage.memory_bytes <= wanted.machine.memory_bytes


def test_cvmfs_is_bound_and_its_absence_is_said(docker_box: ContainerHost, tmp_path: Path) -> None:
    root = tmp_path / "cvmfs"
    (root / "lhcb.example.org").mkdir(parents=True)
    (root / "lhcb.example.org" / "file").write_text("from the repository")
    docker_box.box.run(["mount", "--bind", root, root])
    docker_box.box.run(["mount", "--make-rshared", root])
    kind = machinetype(cvmfs_repositories=("lhcb.example.org",))
    try:
        with bench(docker_box, tmp_path / "home", cvmfs_root=str(root)) as at:
            _, wanted = at.run("#!/bin/sh\ncat /cvmfs/lhcb.example.org/file\ntouch /cvmfs/x\n", kind)
            text = at.printed(wanted)
            assert "from the repository" in text
            assert "Read-only" in text
            absent = machinetype(cvmfs_repositories=("none.example.org",))
            at.wait(lambda: "none.example.org: No such file" in at.hypervisor.resources([absent]).refusals["lhcb"])
            with pytest.raises(PluginError, match=r"none\.example\.org"):
                at.hypervisor.create(at.request("#!/bin/sh\n", absent))
    finally:
        docker_box.box.run(["umount", root])
