"""What the parts of the run script tell each other and the log."""

import time


class TroubleError(Exception):
    """The machine can go no further: a code of three digits and a text."""


def say(text):
    """A line of this script's own log."""
    print("{} vac-lhcb: {}".format(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text), flush=True)
