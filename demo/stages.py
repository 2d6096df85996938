"""What the demo's machines are: processes of this computer, or containers of an engine on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from demo.remains import end_machines, machine_processes
from demo.story import SLOTS

LOOPBACK: Final = "127.0.0.1"


class StageError(Exception):
    """Machines of the kind that is wanted cannot be had here; the message says what is missing and the mend."""


class Stage(Protocol):
    """A kind of machines, and what of them outlives a run."""

    address: str
    """Where on this computer machines find the task queues."""
    slots: int
    """Machines that each factory has at one time."""
    least_life: int
    """Seconds below which a machine's life would be mostly its beginning and its end."""
    plugin_section: str
    """Lines of the site file for the hypervisor's plugin."""

    def options(self, *, url: str, by_pipe: bool) -> Mapping[str, str]:
        """Options of a machinetype; ``url`` is that of its VO's pages."""

    def image(self) -> bytes:
        """What a VO publishes as its image; empty where machines need none."""

    def running(self, state_dir: Path) -> int:
        """How many machines of one factory run now, whether or not its daemon does."""

    def end_all(self, root: Path) -> int:
        """End what is left of all factories; return how many machines are left in spite of it."""

    def close(self) -> None:
        """Take away what was made for the run."""


class Processes:
    """Machines are processes."""

    address = LOOPBACK
    slots = SLOTS
    least_life = 5
    plugin_section = "[plugin process]\ncgroup = no\n"

    def options(self, *, url: str, by_pipe: bool) -> Mapping[str, str]:
        """Only the model."""
        del url, by_pipe
        return {"machine_model": "process"}

    def image(self) -> bytes:
        """None is needed."""
        return b""

    def running(self, state_dir: Path) -> int:
        """Each machine is one session of processes."""
        return len({one.session for one in machine_processes(state_dir)})

    def end_all(self, root: Path) -> int:
        """Ask them to end, and kill those that do not."""
        return end_machines(root)

    def close(self) -> None:
        """Nothing was made."""
