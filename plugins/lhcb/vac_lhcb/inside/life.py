"""One machine's life: from the fetching of the pilot to the outcome."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

from .features import Features
from .fetch import authorities, fetch_pilot
from .outcome import classify, lines_of
from .outputs import Outputs
from .pilot import arguments, as_user, environment, identity
from .reports import TroubleError, say

STOP_SECONDS = 20


class Life:
    """One pilot, from the fetching to the outcome."""

    def __init__(self, settings, place):
        self.settings = settings
        self.place = place  # where the credentials are, and the pilot's files if the factory got them
        self.features = Features(settings)
        self.outputs = Outputs(settings)
        self.pilot = None
        self.stopped = False

    def stop(self, _number, _frame):
        """The factory, or the machine's own end, wants it to end."""
        self.stopped = True
        if self.pilot is not None:
            self.pilot.terminate()

    def message(self):
        """What the machine's life came to."""
        try:
            self.run()
        except TroubleError as trouble:
            return "{} {}".format(*trouble.args)
        except Exception as error:  # noqa: BLE001 - a machine must leave an outcome, whatever comes
            say("{}: {}".format(type(error).__name__, error))
            return "700 The run script failed"
        if self.stopped:
            return "100 Shutdown as requested by the factory"
        try:
            return "{} {}".format(*classify(lines_of([self.outputs.path("dirac-pilot.log")])))
        except OSError as error:
            say("the pilot's log cannot be read: {}".format(error))
            return "700 Internal VM logging failed"

    def run(self):
        """Fetch the pilot and run it to its end."""
        trusted = authorities(self.settings)
        if not trusted:
            raise TroubleError(500, "No certificate authorities found")
        user = pwd.getpwnam(self.settings["user"]) if self.settings["user"] and os.geteuid() == 0 else None
        work = work_directory(self.settings["work_parents"])
        fetch_pilot(self.settings, work, trusted, self.place)
        self.take_credentials(work)
        if user is not None:
            hand_over(work, user)
        if self.stopped:
            return
        names = identity(self.settings, self.features)
        say("the pilot is " + names["PILOT_UUID"])
        words = arguments(self.settings, self.features, time.time(), work, names)
        with open(self.outputs.path("dirac-pilot.log"), "wb") as log:
            self.pilot = subprocess.Popen(
                [*as_user(user), self.settings["python"] or sys.executable, "dirac-pilot.py", *words],
                cwd=work,
                env=environment(self.settings, self.features, trusted, names, work),
                stdin=subprocess.DEVNULL,  # the pilot reads it where it logs to a server
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            say("the pilot ended with {}".format(self.wait()))

    def take_credentials(self, work):
        """Copy what the machine proves itself with, for the pilot's eyes only."""
        for name in self.settings["credentials"]:
            own = os.path.join(work, name)
            try:
                with open(os.path.join(self.place, name), "rb") as source, open(own, "wb") as copy:
                    os.chmod(own, 0o600)
                    shutil.copyfileobj(source, copy)
            except OSError as error:
                say("{}: {}".format(name, error))
                raise TroubleError(500, "Missing credential") from error

    def wait(self):
        """Wait for the pilot; one that was asked to stop and does not is made to."""
        while True:
            try:
                return self.pilot.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                if self.stopped:
                    self.pilot.kill()


def work_directory(parents):
    """A directory for the pilot, in the first place that can hold one."""
    for parent in parents:
        if os.access(parent, os.W_OK):
            return tempfile.mkdtemp(prefix="pilot-", dir=os.path.abspath(parent))
    raise TroubleError(500, "Missing a directory to work in")


def hand_over(work, user):
    """Let the pilot's user have its files."""
    for directory, _, names in os.walk(work):
        for path in [directory] + [os.path.join(directory, name) for name in names]:
            os.chown(path, user.pw_uid, user.pw_gid)
