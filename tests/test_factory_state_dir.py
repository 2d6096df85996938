"""The state directory: private, refused where it cannot be written, and one daemon's at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vac_core.factory.state_dir import StateDir, StateDirError, clear_private_parts, plugin_home
from vac_core.testing import home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_for_nobody_else(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "var" / "vac")
    state.prepare()
    assert {mode(path) for path in (state.path, state.machines, state.path / "plugins")} == {0o700}
    assert sorted(path.name for path in state.path.iterdir()) == ["machines", "plugins"]
    state.prepare()


def test_a_directory_that_was_there_keeps_its_mode_and_its_content(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    (tmp_path / "journal.sqlite").write_bytes(b"kept")
    StateDir(tmp_path).prepare()
    assert mode(tmp_path) == 0o750
    assert (tmp_path / "journal.sqlite").read_bytes() == b"kept"


def test_all_paths_are_below_the_directory_and_differ(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    paths = [
        state.journal,
        state.control_socket,
        state.machines,
        state.machinetypes,
        state.machine("id"),
        state.plugin("policy", "boinc"),
        state.plugin("observer", "boinc"),
    ]
    assert len(set(paths)) == len(paths)
    assert all(path.is_relative_to(tmp_path) for path in paths)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "File exists"),
        ("file/below", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("link/state", "symbolic links"),
    ],
)
def test_a_directory_that_cannot_be_is_refused_with_the_mend(tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(StateDirError) as caught:
        StateDir(tmp_path / place).prepare()
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "cannot be written: " in message
    assert why in message
    assert message.endswith("mend its permissions or disk, or name another with --state-dir")


AS_NOBODY = """
import os, sys
from pathlib import Path
from vac_core.factory.state_dir import StateDir, StateDirError
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)  # root may write anywhere, so this is tried as somebody else
try:
    StateDir(Path(sys.argv[1])).prepare()
except StateDirError as error:
    print(error)
"""


def test_a_read_only_directory_is_refused() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o555)
        tried = subprocess.run([sys.executable, "-c", AS_NOBODY, directory], capture_output=True, text=True, check=True)
        Path(directory).chmod(0o755)
    assert f"state directory {directory} cannot be written: Permission denied" in tried.stdout


def test_a_file_system_on_which_nothing_can_be_made_is_refused() -> None:
    with pytest.raises(StateDirError, match="state directory /proc/vac cannot be written"):
        StateDir(Path("/proc/vac")).prepare()


def test_a_second_daemon_is_kept_out_and_told_by_whom(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    lock = state.lock()
    with pytest.raises(StateDirError) as caught:
        state.lock()
    assert str(caught.value) == (
        f"another factory (process {os.getpid()}) uses the state directory {tmp_path}: "
        "stop it first, or name another directory with --state-dir"
    )
    lock.release()
    state.lock().release()


HOLD = """
import sys
from pathlib import Path
from vac_core.factory.state_dir import StateDir

lock = StateDir(Path(sys.argv[1])).lock()
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_daemon_that_is_killed_leaves_no_lock_behind(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(StateDirError, match=f"process {holder.pid}"):
            state.lock()
        holder.kill()
        holder.wait(60)
        state.lock().release()


def test_programs_that_a_daemon_starts_do_not_hold_its_lock(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    lock = state.lock()
    program = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as machine:
        assert machine.stdout is not None
        assert machine.stdout.readline() == b"\n"
        lock.release()
        state.lock().release()
        machine.communicate(b"\n", timeout=60)


@pytest.mark.parametrize("spoilt", ["a directory", "a link to nowhere"])
def test_a_lock_that_cannot_be_taken_is_explained(tmp_path: Path, spoilt: str) -> None:
    if spoilt == "a directory":
        (tmp_path / "lock").mkdir()
    else:
        (tmp_path / "lock").symlink_to(tmp_path / "missing" / "lock")
    with pytest.raises(StateDirError, match=f"{tmp_path}/lock cannot be written and locked: .*: mend its permissions"):
        StateDir(tmp_path).lock()


def test_a_plugins_object_gets_a_private_directory_of_its_own(tmp_path: Path) -> None:
    template, state = home(tmp_path), StateDir(tmp_path / "factory")
    state.prepare()
    given = plugin_home(state, "policy", "boinc", template)
    assert given.state_dir == state.plugin("policy", "boinc")
    assert mode(given.state_dir) == 0o700
    assert (given.factory, given.space) == (template.factory, template.space)
    assert plugin_home(state, "policy", "boinc", template).state_dir.is_dir()


def test_of_an_ended_machine_only_what_is_to_be_kept_stays(tmp_path: Path) -> None:
    machine, outside = tmp_path / "machine", tmp_path / "outside"
    for directory in (machine / "joboutputs", machine / "metadata" / "deep", outside):
        directory.mkdir(parents=True)
    (machine / "joboutputs" / "log").write_text("kept", "utf-8")
    (machine / "user_data").write_text("secret", "utf-8")
    (outside / "file").touch()
    (machine / "link").symlink_to(outside, target_is_directory=True)
    (machine / "dangling").symlink_to(tmp_path / "nowhere")
    clear_private_parts(machine, frozenset({"joboutputs"}))
    assert [path.name for path in machine.iterdir()] == ["joboutputs"]
    assert (machine / "joboutputs" / "log").read_text("utf-8") == "kept"
    assert (outside / "file").exists()
    clear_private_parts(machine, frozenset())
    assert list(machine.iterdir()) == []


def test_what_a_guest_made_ever_so_deep_is_cleared_too(tmp_path: Path) -> None:
    above = os.open(tmp_path, os.O_RDONLY)
    for name in ("shared", *(["deep"] * 3000)):
        os.mkdir(name, 0o700, dir_fd=above)
        below = os.open(name, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    clear_private_parts(tmp_path, frozenset())
    assert list(tmp_path.iterdir()) == []


def test_a_machine_whose_directory_was_never_made_has_nothing_to_clear(tmp_path: Path) -> None:
    clear_private_parts(tmp_path / "missing", frozenset())
    assert not (tmp_path / "missing").exists()
