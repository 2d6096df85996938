"""What is in a real container: what Vac 3 gave it, what the context says, and nothing else of the host."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from container_host import SECONDS, Host, opened, printed
from image_server import ImageServer, wait_until
from real_apptainer import Installation
from vac_apptainer.binds import Bind
from vac_apptainer.container import STAGE, Container, arguments

from vac_core.interfaces import ContextFile, Home, MachineTypeError, PluginError
from vac_core.testing import home as make_home
from vac_core.testing import machinetype

pytestmark = pytest.mark.system

ODD = 'a:b,source=c "d"'


def test_a_container_finds_what_vac_3_gave_it(host: Host) -> None:
    request = host.request(
        "echo $MACHINEFEATURES $JOBFEATURES $JOBOUTPUTS",
        "cat $MACHINEFEATURES/total_cpu $JOBFEATURES/allocated_cpu",
        "echo '200 done' >$JOBOUTPUTS/shutdown_message",
        "hostname; echo $VAC_MACHINETYPE",
    )
    (request.directory / "machinefeatures" / "total_cpu").write_text("8\n")
    (request.directory / "jobfeatures" / "allocated_cpu").write_text("1\n")
    host.hypervisor.create(request)
    assert host.ended(request.machine.id).exit_code == 0
    assert printed(request) == [
        "/tmp/machinefeatures /tmp/jobfeatures /tmp/joboutputs",
        "8",
        "1",
        request.machine.name,
        "lhcb",
    ]
    assert (request.directory / "joboutputs" / "shutdown_message").read_text() == "200 done\n"


def test_a_container_sees_a_feature_that_changes(host: Host) -> None:
    request = host.begin(
        "touch $JOBOUTPUTS/up",
        "until [ -s $MACHINEFEATURES/shutdowntime ]; do sleep 0.1; done",
        "cat $MACHINEFEATURES/*",
    )
    new = request.directory / "machinefeatures" / ".new"
    new.write_text("1700000000")
    new.replace(new.with_name("shutdowntime"))
    host.ended(request.machine.id)
    assert printed(request) == ["1700000000"]


def test_features_and_user_data_cannot_be_changed_from_within(host: Host) -> None:
    _, said = host.run(
        "touch $MACHINEFEATURES/x 2>&1; touch $JOBFEATURES/x 2>&1; echo >>/user_data 2>&1; touch /etc/x 2>&1", "exit 0"
    )
    assert len(said) == 4
    assert all("Read-only file system" in line or "can't create" in line for line in said)


def test_a_container_is_one_plain_user_without_any_power(host: Host, singularity_user: str | None) -> None:
    uid = os.geteuid() if singularity_user is None else pwd.getpwnam(singularity_user).pw_uid
    _, said = host.run("id -u; grep -E 'Cap(Eff|Prm|Bnd)|NoNewPrivs' /proc/self/status; mount -t tmpfs x /tmp 2>&1")
    assert said[0] == str(uid)
    values = dict(line.split(":\t") for line in said[1:5])
    assert {values[name] for name in ("CapEff", "CapPrm")} == {"0" * 16}
    assert values["NoNewPrivs"] == "1"
    assert "mount" in said[5]


def test_a_container_sees_nothing_of_the_hosts_files_processes_and_environment(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORY_SECRET", "do not tell")
    _, said = host.run(
        f"ls -d {host.home.state_dir} {host.home.machines_dir} {STAGE} /boot /var/log 2>/dev/null",
        "env | grep FACTORY_SECRET",
        "ls /proc | grep -c '^[0-9]'",
        "exit 0",
    )
    assert len(said) == 1
    assert int(said[0]) < 10


def test_a_containers_variables_are_what_the_context_says_to_the_letter(host: Host) -> None:
    value = "$(id) `id` 'single' \"double\" \\ {} * ;"
    _, said = host.run('echo "$VO_TOKEN"; echo "$APPTAINER_BINDPATH"', environment={
        "VO_TOKEN": value, "APPTAINER_BINDPATH": "/etc:/host-etc"
    })  # fmt: skip
    assert said == [value, "/etc:/host-etc"]
    _, said = host.run("ls -d /host-etc 2>/dev/null", "echo none", environment={"APPTAINER_BIND": "/etc:/host-etc"})
    assert said == ["none"]


def test_files_of_the_context_are_where_it_wants_them_and_belong_to_the_user(host: Host) -> None:
    files = (
        ContextFile(path="/etc/vo/token,with=odd \"name\"", content=b"SECRET", mode=0o600),
        ContextFile(path="/opt/run", content=b"#!/bin/sh\necho it runs\n", mode=0o755),
    )  # fmt: skip
    _, said = host.run("stat -c %a /etc/vo/token*; cat /etc/vo/token*; echo; /opt/run", files=files)
    assert said == ["400", "SECRET", "it runs"]


def test_scratch_directories_and_tmp_are_written_on_the_machines_own_disk(host: Host) -> None:
    script = ("dd if=/dev/zero of=/scratch/file bs=1M count=80 2>/dev/null && ls /scratch /tmp; touch /tmp/x $HOME/y",)
    request = host.begin(*script, "touch $JOBOUTPUTS/up; exec sleep 600", options={"tmp_binds": ("/scratch",)})
    own = request.directory / "apptainer"
    assert (own / "scratch-0" / "file").stat().st_size == 80 * 2**20
    assert (own / "work" / "tmp" / "x").exists()
    host.hypervisor.destroy(request.machine.id)
    assert sorted(one.name for one in request.directory.iterdir()) == ["jobfeatures", "joboutputs", "machinefeatures"]


def test_the_command_is_the_containers_own_and_no_option_of_apptainer(host: Host) -> None:
    _, said = host.run('for one; do echo "$one"; done', options={
        "container_command": "/user_data --bind /etc:/host-etc 'two words' --writable"
    })  # fmt: skip
    assert said == ["--bind", "/etc:/host-etc", "two words", "--writable"]
    seen, said = host.run("echo no", options={"container_command": "--bind /etc:/host-etc /user_data"})
    assert seen.exit_code not in {0, None}
    assert "no" not in said


def test_its_exit_code_is_kept(host: Host) -> None:
    seen, _ = host.run("exit 7")
    assert (seen.exit_code, seen.note) == (7, "")


def test_a_container_in_a_file_runs_too(host: Host, real: Installation) -> None:
    host.image = real.sif_image
    _, said = host.run("ls /bin/busybox; touch /bin/x 2>&1")
    assert "/bin/busybox" in said
    assert any("Read-only" in line for line in said)


def test_an_image_comes_from_a_url_is_leased_while_a_machine_uses_it_and_checked(
    host: Host, real: Installation
) -> None:
    server = ImageServer()
    try:
        good = server.serve("/system.sif", real.sif_image.read_bytes())
        bad = server.serve("/page.sif", b"<html>not an image</html>")
        of_type = machinetype(machine_model="apptainer", root_image=good)
        bad_type = machinetype("bad", machine_model="apptainer", root_image=bad)
        assert "is being fetched" in host.hypervisor.resources([of_type]).refusals["lhcb"]
        wait_until(lambda: not host.hypervisor.resources([of_type, bad_type]).refusals)
        request = host.begin("touch $JOBOUTPUTS/up; exec sleep 600", options={"root_image": good})
        cache = host.hypervisor._images
        assert list(cache.leases()) == [request.machine.id]
        host.hypervisor.destroy(request.machine.id)
        assert list(cache.leases()) == []
        with pytest.raises(MachineTypeError, match="neither a SIF"):
            host.hypervisor.create(host.request("exit 0", options={"root_image": bad}))
        assert list(cache.leases()) == []
    finally:
        server.close()


def test_an_image_that_has_not_come_yet_is_no_fault_of_the_machinetype(host: Host) -> None:
    request = host.request("exit 0", options={"root_image": "http://127.0.0.1:9/none.sif"})
    with pytest.raises(PluginError) as raised:
        host.hypervisor.create(request)
    assert not isinstance(raised.value, MachineTypeError)
    assert host.hypervisor.list_machines() == []


def test_odd_names_of_directories_are_no_more_than_names(home: Home, tmp_path: Path, real: Installation) -> None:
    settings, options = home.settings(), home.options()
    odd = make_home(tmp_path / ODD, options=options, singularity_user=settings.singularity_user)
    with opened(Host(odd, real.directory_image)) as host:
        seen, said = host.run("echo it runs; touch $JOBOUTPUTS/x")
    assert (seen.exit_code, said[-1:]) == (0, ["it runs"])


def test_a_factory_that_is_not_root_needs_no_more_than_apptainer(
    real: Installation, singularity_user: str | None
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        odd = Path(directory, ODD)
        for name in ("work", "out"):
            (odd / name).mkdir(parents=True)
        program = odd / "user_data"
        program.write_text("#!/bin/sh\necho $0 >/tmp/joboutputs/said\n")
        program.chmod(0o755)
        container = Container(
            image=real.directory_image,
            workdir=odd / "work",
            binds=(
                Bind(source=program, target="/user_data"),
                Bind(source=odd / "out", target="/tmp/joboutputs", writable=True),
            ),
            hostname="wn01-00.example.org",
            command=("/user_data",),
        )
        run_as(singularity_user, arguments(real.program, container), Path(directory))
        assert (odd / "out" / "said").read_text() == "/user_data\n"


def run_as(user: str | None, command: Sequence[str], directory: Path) -> None:
    """Run a command as a user to whom a directory is given first; as the tests' own where there is none."""
    who = {}
    if user is not None:
        found = pwd.getpwnam(user)
        for path in (directory, *directory.rglob("*")):
            os.chown(path, found.pw_uid, found.pw_gid)
        who = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=SECONDS, check=False, **who)
    assert ran.returncode == 0, ran.stderr
