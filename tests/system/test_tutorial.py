"""The tutorial, carried out as it is written: its commands work, and show what it says they show."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vac_core.supervision.table import command_line, kill_all, processes

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-space.md"
_UNTIL = 'until CONDITION; do sleep 0.2; (( ++tries < 150 )) || { echo "waited in vain"; exit 1; }; done\n'
WAITS = {
    "factory run": "vac --state-dir one why > why && (( $(ls {one,two}/machines/*/joboutputs/greeting | wc -l) > 11 ))",
    "sed -i": 'vac top --once | grep -Eq "^blue +50.0% +50.0%"',
    "two drain": 'vac machines | grep -q " 0 running"',
}
"""What takes a while, by what is in the block: the reader looks again, and so do we."""


def script(space: Path, port: int) -> str:
    """All the tutorial's commands, each block announced by its number."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    parts = ["set -m\ntrap 'kill $(jobs -p) 2>&-' EXIT\ntries=0\n"]
    for number, block in enumerate(blocks):
        parts.append(f'echo "=== {number}"\n{block}')
        parts += [_UNTIL.replace("CONDITION", wait) for words, wait in WAITS.items() if words in block]
    return "\n".join([*parts, "wait\n"]).replace("~/space", str(space)).replace("9950", str(port))


@pytest.fixture
def space() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="vact", dir="/tmp"))
    yield path
    for one in processes():
        if str(path).encode() in command_line(one.pid):
            kill_all([one], patience_seconds=5)
    shutil.rmtree(path)


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.1.1", 0))
        return int(free.getsockname()[1])


def test_the_tutorial_ends_with_a_space_that_works(space: Path, port: int) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script(space, port)],
        env={"PATH": path, "HOME": str(space), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    shown = dict(re.findall(r"^=== (\d+)\n(.*?)(?=^=== |\Z)", done.stdout, re.DOTALL | re.MULTILINE))
    assert done.returncode == 0, said
    assert "waited in vain" not in said
    whole = "\n".join(shown.values())
    assert "0 errors, 0 warnings" in whole
    assert re.search(r"^red +66\.7% +66\.7%", whole, re.MULTILINE), said
    assert "12 of 12 processors busy" in whole
    assert "and work for red until" in whole
    assert "sleep 5" in whole, "machines go on while their daemon is dead"
    assert "seen_running" in whole
    journal = subprocess.run(
        ["vac", "--state-dir", str(space / "one"), "history", "--limit", "1000", "--json"],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "200 Intended work completed ok" in journal
    assert "300 Vac detects fizzle" not in journal
