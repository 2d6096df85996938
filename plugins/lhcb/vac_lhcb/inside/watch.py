"""The heartbeat, and the end of taking jobs."""

import threading
import time

from .reports import say

HEARTBEAT_SECONDS = 300


class Watch(threading.Thread):
    """Shows that the machine lives, and stops the agent from taking more when the end is near."""

    def __init__(self, settings, outputs, end):
        super().__init__(daemon=True)
        self.settings, self.outputs, self.end = settings, outputs, end
        self.over = threading.Event()

    def run(self):
        """Beat until it is over."""
        drain = self.settings["drain_file"]
        drain_at = self.end - self.settings["drain_seconds"] if self.end and drain else None
        while True:
            if self.settings["heartbeat_file"]:
                self.outputs.write(self.settings["heartbeat_file"], heartbeat())
            if drain_at and time.time() >= drain_at:
                touch(drain)
                drain_at = None
            rest = HEARTBEAT_SECONDS if not drain_at else min(HEARTBEAT_SECONDS, max(1, drain_at - time.time()))
            if self.over.wait(rest):
                return


def heartbeat():
    """The load averages and the uptime, as such files have held them since 2013."""
    with open("/proc/loadavg") as load, open("/proc/uptime") as up:
        return " ".join(load.read().split()[:3] + up.read().split())


def touch(path):
    """Let a file be there."""
    try:
        with open(path, "a"):
            say("{} is there: the agent takes no more jobs".format(path))
    except OSError as error:
        say("{} cannot be made: {}".format(path, error))
