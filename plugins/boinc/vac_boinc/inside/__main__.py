"""Run BOINC's client, or an application: ``python3 -m inside PLACE``, in the directory above these files.

PLACE is the directory with ``settings.json`` and the files that they are to find.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from .outputs import Outputs, say

PROGRAMS = {"app": (".app", "App"), "client": (".life", "Life")}
"""Where each is: a machine has only that which it runs."""


def main() -> None:
    """Live the life of a machine; its last act is the shutdown message."""
    os.umask(0o022)  # the factory may be another user, and reads the outputs
    place = Path(sys.argv[1]).resolve()
    settings = json.loads((place / "settings.json").read_text("utf-8"))
    module, name = PROGRAMS[settings["program"]]
    life = getattr(importlib.import_module(module, __package__), name)(settings, place, Outputs(settings))
    signal.signal(signal.SIGTERM, lambda _number, _frame: life.stop())
    message = life.message()
    say(f"ends with {message}")
    life.outputs.write("shutdown_message", message + "\n")
    if settings["power_off"]:
        subprocess.run(["/sbin/poweroff"], check=False)


if __name__ == "__main__":
    main()
