"""Run a pilot in a machine: ``python3 -m inside SETTINGS``, in the directory above these files."""

import json
import os
import signal
import subprocess
import sys

from .life import Life
from .reports import say
from .watch import Watch


def main():
    """Live the life of a machine; its last act is the shutdown message."""
    os.umask(0o022)  # the factory may be another user, and reads the outputs
    with open(sys.argv[1], encoding="utf-8") as file:
        settings = json.load(file)
    life = Life(settings, os.path.dirname(os.path.abspath(sys.argv[1])))
    signal.signal(signal.SIGTERM, life.stop)
    watch = Watch(settings, life.outputs, life.features.end())
    watch.start()
    message = life.message()
    watch.over.set()
    for name in sorted(os.listdir(life.outputs.directory)):
        if name.endswith(".log"):
            life.outputs.put(name)
    say("ends with " + message)
    life.outputs.write("shutdown_message", message)
    if settings["power_off"]:
        subprocess.call(["/sbin/poweroff"])


if __name__ == "__main__":
    main()
