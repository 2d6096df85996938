"""Files of secrets: closed to others, plain, read within bounds, and never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from engines import missing

from vac_core.secret_files import EVERYBODY, SecretFileError, read_secret_file

SECRET = b"open sesame"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "key"
    made.write_bytes(SECRET)
    made.chmod(0o600)
    return made


def test_a_closed_file_is_read_up_to_a_length(path: Path) -> None:
    assert read_secret_file(path, 100) == SECRET
    assert read_secret_file(path, 4) == b"open"


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o666, 0o601])
def test_one_that_others_can_read_is_refused_and_not_shown(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SecretFileError, match=rf"can be read by others \(mode {mode:04o}\): chmod 0600 ") as refused:
        read_secret_file(path, 100)
    assert refused.value.seen
    assert SECRET.decode() not in str(refused.value)


def test_a_group_may_read_what_must_be_closed_to_everybody_alone(path: Path) -> None:
    path.chmod(0o640)
    assert read_secret_file(path, 100, closed_to=EVERYBODY) == SECRET
    path.chmod(0o644)
    with pytest.raises(SecretFileError, match=r"can be read by everybody \(mode 0644\): chmod o= "):
        read_secret_file(path, 100, closed_to=EVERYBODY)


def test_who_may_own_it_is_asked_of_the_very_file_that_is_read(path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can give a file to another user")
    assert read_secret_file(path, 100, ours=True) == SECRET
    os.chown(path, 54321, -1)
    assert read_secret_file(path, 100) == SECRET
    with pytest.raises(SecretFileError, match="belongs to another user: let root or the factory's user own it"):
        read_secret_file(path, 100, ours=True)


def test_what_is_no_file_or_not_there_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("pipe", "not a plain file"), ("none", "No such file"), (".", "not a plain file|Is a directory")):
        with pytest.raises(SecretFileError, match=why) as refused:
            read_secret_file(tmp_path / name, 100)
        assert not refused.value.seen
