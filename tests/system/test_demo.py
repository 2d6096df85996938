"""The demo as a user runs it: what it prints and writes, and that nothing is left when it ends or is interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.story import FACTORIES, ORGANISATIONS
from vac_core.supervision.table import processes

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short name, since Unix sockets lie below it; the demo's own one is made in it."""
    path = Path(tempfile.mkdtemp(prefix="vacd", dir="/tmp"))
    yield path
    shutil.rmtree(path)


def start(place: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "demo",
            "--plain",
            "--logs",
            str(place),
            "--picture",
            str(place / "shares.svg"),
            *options,
        ],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"TMPDIR": str(place), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(place: Path) -> list[str]:
    """Command lines of live processes that know of this directory by an argument or by their environment."""
    found = []
    for one in processes():
        try:
            told = Path(f"/proc/{one.pid}/cmdline").read_bytes() + Path(f"/proc/{one.pid}/environ").read_bytes()
        except OSError:
            continue
        if one.alive and str(place).encode() in told:
            found.append(told.decode(errors="replace"))
    return found


def read_until(demo: subprocess.Popen[str], text: str) -> str:
    assert demo.stdout is not None
    read = ""
    for line in demo.stdout:
        read += line
        if text in line:
            return read
    pytest.fail(f"the demo ended without {text!r}:\n{read}")


def test_a_run_ends_with_its_figures_and_a_picture_and_leaves_nothing(place: Path) -> None:
    demo = start(place, "--seconds", "20", "--json", str(place / "figures.json"))
    output, _ = demo.communicate()
    assert demo.returncode == 0, output
    figures = json.loads((place / "figures.json").read_text())
    assert figures["problems"] == []
    assert set(figures["achieved"]) == {organisation.name for organisation in ORGANISATIONS}
    assert sum(figures["achieved"].values()) == pytest.approx(1.0)
    assert all(tally["done"] > 0 and tally["expired"] == 0 for tally in figures["tasks"].values())
    assert figures["machines"]["made"] > figures["adoption"]["machines_before"] > 0
    assert figures["machines"]["outcomes"].get("alive", 0) == 0
    assert figures["turnaround_seconds"]["n"] > 0
    assert set(figures["records"]) == set(FACTORIES)
    assert all(count > 0 for count in figures["records"].values())
    assert (place / "shares.svg").read_text().lstrip().startswith("<?xml")
    assert "killed with SIGKILL" in output
    assert left_behind(place) == []


@pytest.mark.parametrize("when", ["Ctrl-C ends everything", "factories are up", "killed with SIGKILL"])
def test_ctrl_c_at_any_time_leaves_no_process_behind(place: Path, when: str) -> None:
    demo = start(place, "--seconds", "15")
    before = read_until(demo, when)
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate()
    assert demo.returncode == 130, before + output
    assert left_behind(place) == []
    assert not list(place.glob("vac-demo-*"))
