"""A plugin's Python comes whole into machines: in one shell script, or as files that cloud-init writes."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vac_core.context.programs import WrittenFile, beginning, cloud_config, here, inside


def ran(program: str, outputs: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    given = {"PATH": os.environ["PATH"], "JOBOUTPUTS": str(outputs), "TMPDIR": str(outputs), **environment}
    return subprocess.run(["/bin/sh"], input=program.encode(), capture_output=True, check=False, env=given)


def test_a_package_s_python_files_are_found_by_their_names_in_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fake_inside"
    package.mkdir()
    for name in ("__init__.py", "__main__.py", "start.sh"):
        (package / name).write_text(f"# {name}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert inside("fake_inside") == {"inside/__init__.py": "# __init__.py\n", "inside/__main__.py": "# __main__.py\n"}
    del sys.modules["fake_inside"]


def test_a_script_brings_its_program_and_runs_it(tmp_path: Path) -> None:
    files = {"inside/__init__.py": "", "inside/__main__.py": "print('it runs: $HOME `id`')\n"}
    program = beginning("A test.", files) + 'cd "$program"\nexec python3 -m inside\n'
    done = ran(program, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"it runs: $HOME `id`\n", b"")


def test_a_machine_without_python_says_so_in_its_shutdown_message(tmp_path: Path) -> None:
    done = ran(beginning("A test.", {}) + "echo not reached\n", tmp_path, PATH="/nonexistent")
    assert (done.returncode, done.stdout) == (1, b"")
    assert (tmp_path / "shutdown_message").read_text() == "500 Missing python3\n"


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.just("a\nEND_OF_FILE\nb"))
def test_a_command_is_given_a_text_to_the_letter(text: str) -> None:
    done = subprocess.run(["/bin/sh"], input=here("cat", text).encode(), capture_output=True, check=True)
    assert done.stdout.decode() == text.rstrip("\n") + "\n"


def test_cloud_init_writes_files_with_their_modes() -> None:
    head, _, document = cloud_config(
        [WrittenFile("/etc/key", b"\0secret", 0o600), WrittenFile("/opt/run", b"#!/bin/sh\n")], runcmd=[["/opt/run"]]
    ).partition(b"\n")
    assert head == b"#cloud-config"
    told = json.loads(document)
    assert told["runcmd"] == [["/opt/run"]]
    key, program = told["write_files"]
    assert (key["path"], key["permissions"], program["permissions"]) == ("/etc/key", "0600", "0644")
    assert gzip.decompress(base64.b64decode(key["content"])) == b"\0secret"
    assert key["encoding"] == "gz+b64"


def test_a_file_s_content_is_in_no_representation() -> None:
    assert "secret" not in repr(WrittenFile("/etc/key", b"secret"))
