"""The command line of a container, built from values: nothing that a VO says becomes an option or a host path."""

from __future__ import annotations

import csv
import os
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_apptainer.account import Account
from vac_apptainer.binds import Bind
from vac_apptainer.container import ENTER, Container, arguments, entered, environment, words
from vac_apptainer.options import ApptainerMachine
from vac_apptainer.plan import Place, plan, problems
from vac_apptainer.program import Program

from vac_core.config.schema import MachineType
from vac_core.interfaces import ContextFile, CreateRequest, MachineTypeError
from vac_core.supervision import Launch
from vac_core.testing import create_request, home, machine, machinetype

PROGRAM = Program(path=Path("/usr/bin/apptainer"), version="apptainer version 1.4.5")
ANOTHER = Account(name="vaccontainers", uid=os.geteuid() + 1, gid=12)
OWN = Account(name="vac", uid=os.geteuid(), gid=os.getegid())
IMAGE = Path("/images/el9.sif")
CONTAINER = Container(
    image=IMAGE,
    workdir=Path("/m/apptainer/work"),
    binds=(
        Bind(source=Path("/m/machinefeatures"), target="/tmp/machinefeatures"),
        Bind(source=Path("/m/joboutputs"), target="/tmp/joboutputs", writable=True),
    ),
    hostname="wn01-00.example.org",
    command=("/user_data", "two words", "--bind", "/:/host"),
)
GOLDEN_OWN = """
/usr/bin/apptainer exec --userns --containall --cleanenv --no-eval --hostname wn01-00.example.org
--workdir /m/apptainer/work --pwd /tmp
--mount type=bind,source=/m/machinefeatures,destination=/tmp/machinefeatures,ro
--mount type=bind,source=/m/joboutputs,destination=/tmp/joboutputs
/images/el9.sif /user_data
"""
GOLDEN_ENTERED = f"""
unshare --mount --propagation slave /bin/sh {ENTER} /run/vac-apptainer 11 12 4
image /images/el9.sif workdir /m/apptainer/work bind-0 /m/machinefeatures bind-1 /m/joboutputs
/usr/bin/apptainer exec --userns --containall --cleanenv --no-eval --hostname wn01-00.example.org
--workdir /run/vac-apptainer/workdir --pwd /tmp
--mount type=bind,source=/run/vac-apptainer/bind-0,destination=/tmp/machinefeatures,ro
--mount type=bind,source=/run/vac-apptainer/bind-1,destination=/tmp/joboutputs
/run/vac-apptainer/image /user_data
"""
GUESTS_OWN = ["two words", "--bind", "/:/host"]


def test_the_command_of_a_container_that_the_factorys_own_user_runs() -> None:
    assert list(arguments(PROGRAM.path, CONTAINER)) == [*GOLDEN_OWN.split(), *GUESTS_OWN]


def test_the_command_of_a_container_that_root_has_another_user_run() -> None:
    account = attrs.evolve(ANOTHER, uid=11)
    assert list(entered(PROGRAM.path, CONTAINER, account)) == [*GOLDEN_ENTERED.split(), *GUESTS_OWN]


ONE_LINE = st.text(st.characters(exclude_characters="\0\r\n"))


@given(source=ONE_LINE, target=ONE_LINE, writable=st.booleans())
def test_a_bind_is_one_line_of_fields_whatever_its_paths(source: str, target: str, writable: bool) -> None:
    bind = Bind(source=Path("/" + source), target=target, writable=writable)
    (fields,) = csv.reader([bind.mount])
    assert fields == ["type=bind", f"source={bind.source}", f"destination={target}", *([] if writable else ["ro"])]


def request(tmp_path: Path, of_type: MachineType, **context: object) -> CreateRequest:
    return create_request(home(tmp_path), machine(processors=2, memory_bytes=2**30), of_type, **context)


def planned(tmp_path: Path, account: Account = ANOTHER, of: MachineType | None = None, **context: object) -> Launch:
    of_type = of or machinetype(root_image=str(IMAGE))
    wanted = request(tmp_path, of_type, **context)
    return plan(wanted, Place(program=PROGRAM, account=account, image=IMAGE, cvmfs_root=Path("/cvmfs")))


FROM_A_PIPE = st.fixed_dictionaries(
    {
        "container_command": st.text(max_size=40),
        "tmp_binds": st.lists(st.text(max_size=20), max_size=3).map(tuple),
        "cvmfs_repositories": st.lists(st.text(max_size=20), max_size=3).map(tuple),
    }
)
LIKE_OPTIONS = st.fixed_dictionaries(
    {
        "container_command": st.sampled_from(["--bind /:/host", "-B/:/h x", "'' --userns", "/user_data --writable"]),
        "tmp_binds": st.sampled_from([("/data",), ("/data,source=/",), ('/a",source=/etc,"',), ("/a:/etc:rw",)]),
        "cvmfs_repositories": st.sampled_from([(), ("lhcb.cern.ch",), ("../etc",), ("a/b",), (".",)]),
    }
)


@given(FROM_A_PIPE | LIKE_OPTIONS)
def test_nothing_that_a_pipe_says_is_an_option_or_a_path_of_the_host(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, object]
) -> None:
    of_type = machinetype(root_image=str(IMAGE), pipe="myvo", **options)
    try:
        launch = planned(tmp_path_factory.mktemp("any"), OWN, of_type)
    except MachineTypeError:
        return
    before, _, after = "\0".join(launch.command).partition(f"\0{IMAGE}\0")
    assert after.split("\0") == list(words(of_type.container_command))
    parts = before.split("\0")
    assert [one for one in parts if one.startswith("-")][:7] == [
        "--userns", "--containall", "--cleanenv", "--no-eval", "--hostname", "--workdir", "--pwd",
    ]  # fmt: skip
    mounts = [next(csv.reader([value])) for flag, value in pairwise(parts) if flag == "--mount"]
    assert len(mounts) == 4 + len(of_type.tmp_binds) + bool(of_type.cvmfs_repositories)
    directory = launch.own.parent
    for kind, source, destination, *_ in mounts:
        assert kind == "type=bind"
        path = Path(source.removeprefix("source="))
        assert path.is_relative_to(directory) or path == Path("/cvmfs")
        assert destination.startswith("destination=/")


def test_a_context_sets_the_containers_variables_and_never_apptainers_own() -> None:
    wanted = {"APPTAINER_BIND": "/:/host", "LD_PRELOAD": "/tmp/evil.so", "TOKEN": "$(id) 'quoted'"}
    found = environment({"PATH": "/usr/bin"}, wanted, "APPTAINERENV_")
    assert found == {
        "PATH": "/usr/bin",
        "APPTAINERENV_APPTAINER_BIND": "/:/host",
        "APPTAINERENV_LD_PRELOAD": "/tmp/evil.so",
        "APPTAINERENV_TOKEN": "$(id) 'quoted'",
    }


@pytest.mark.parametrize("name", ["", "1ST", "WITH-HYPHEN", "A=B", "A\0"])
def test_a_variable_that_no_environment_can_have_is_refused(name: str) -> None:
    with pytest.raises(MachineTypeError, match="variable"):
        environment({}, {name: "value"}, "APPTAINERENV_")


def test_singularity_takes_variables_under_its_own_prefix() -> None:
    assert attrs.evolve(PROGRAM, version="singularity-ce version 4.1.0").prefix == "SINGULARITYENV_"
    assert PROGRAM.prefix == "APPTAINERENV_"


def test_no_secret_stands_in_an_argument(tmp_path: Path) -> None:
    file = ContextFile(path="/etc/token", content=b"SECRET", mode=0o600)
    launch = planned(tmp_path, user_data=b"#!/bin/sh\nSECRET", environment={"TOKEN": "SECRET"}, files=(file,))
    assert not any("SECRET" in word for word in launch.command)
    assert "SECRET" not in repr(launch)
    assert launch.environment["APPTAINERENV_TOKEN"] == "SECRET"
    assert launch.files == (("file-0", b"SECRET", 0o400),)


def test_what_vac_promises_cannot_be_set_by_a_context(tmp_path: Path) -> None:
    launch = planned(tmp_path, environment={"JOBOUTPUTS": "/elsewhere", "VAC_MACHINE_ID": "another"})
    assert launch.environment["APPTAINERENV_JOBOUTPUTS"] == "/tmp/joboutputs"
    assert launch.environment["APPTAINERENV_VAC_MACHINE_ID"] == launch.own.parent.name
    assert launch.environment["VAC_MACHINE_ID"] == launch.own.parent.name


def test_limits_are_the_machines_own(tmp_path: Path) -> None:
    of_type = machinetype(
        root_image=str(IMAGE),
        disk_gb_per_processor=3,
        plugin_options={"apptainer": ApptainerMachine(apptainer_processes=100)},
    )
    limits = planned(tmp_path, of=of_type).limits
    assert (limits.memory_bytes, limits.processes, limits.processors) == (2**30, 100, 2)
    assert limits.file_size_bytes == 6 * 10**9


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("relative", "no plain absolute path"),
        ("/", "no plain absolute path"),
        ("//etc/x", "no plain absolute path"),
        ("/a/../b", "no plain absolute path"),
        ("/a//b", "no plain absolute path"),
        ("/a/", "no plain absolute path"),
        ("/a\n", "characters"),
        ("/proc/sys/x", "has a use for"),
        ("/user_data", "has a use for"),
        ("/tmp/machinefeatures/total_cpu", "has a use for"),
    ],
)
def test_a_path_that_a_container_cannot_have_is_refused(tmp_path: Path, path: str, why: str) -> None:
    with pytest.raises(MachineTypeError, match=why):
        planned(tmp_path, files=(ContextFile(path=path, content=b""),))
    (message,) = problems(machinetype(root_image=str(IMAGE), tmp_binds=(path,)))
    assert why in message


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"root_image": None}, "no root_image"),
        ({"root_image_sha256": "0" * 64}, "root_image_sha256 is for an image that is fetched"),
        ({"root_image": "docker://alpine"}, "of a kind that is not run here"),
        ({"root_image": "library://x"}, "of a kind that is not run here"),
        ({"root_image": "sub/dir.sif"}, "neither a name nor a whole path"),
        ({"root_image": "name.sif"}, "has no files"),
        ({"root_image": "/etc", "pipe": "myvo"}, "no vacuum pipe may name"),
        ({"root_image": "/cvmfs", "pipe": "myvo"}, "no vacuum pipe may name"),
        ({"container_command": "'open"}, "close each quotation"),
        ({"container_command": " "}, "names no program"),
        ({"cvmfs_repositories": ("../etc",)}, "no repository's name"),
    ],
)
def test_what_is_wrong_with_a_machinetype_is_said_before_one_is_made(options: dict[str, object], why: str) -> None:
    (message,) = problems(machinetype(**{"root_image": str(IMAGE), **options}))
    assert why in message


@pytest.mark.parametrize("image", ["https://example.org/el9.sif", "/cvmfs/x.example.org/el9", "el9.sif"])
def test_a_pipe_may_name_urls_cvmfs_and_files_of_its_own(image: str) -> None:
    assert problems(machinetype(root_image=image, pipe="myvo", files_dir="/var/lib/vac/machinetypes/myvo/files")) == []


@pytest.mark.parametrize(
    "bad", [b"", b"#cloud-config\nSECRET", b"<html>404</html>", b"#!\nexit", b"#!/bin/sh\r\nexit\r\n"]
)
def test_user_data_that_is_no_program_is_refused_where_it_is_to_be_run(tmp_path: Path, bad: bytes) -> None:
    with pytest.raises(MachineTypeError, match="user_data") as raised:
        planned(tmp_path / "run", user_data=bad)
    assert "SECRET" not in str(raised.value)
    other = machinetype(root_image=str(IMAGE), container_command="/bin/agent --config /user_data")
    assert planned(tmp_path / "read", of=other, user_data=bad).user_data == bad


def test_a_compiled_program_is_user_data_too(tmp_path: Path) -> None:
    assert planned(tmp_path, user_data=b"\x7fELF\x02").user_data == b"\x7fELF\x02"
