"""What a machine leaves for the factory."""

import os
import urllib.request

from .reports import say

PUT_SECONDS = 30


class Outputs:
    """Where the machine leaves what the factory is to find: a directory, which may be put at a URL too."""

    def __init__(self, settings):
        self.url = settings["joboutputs"] or os.environ.get("JOBOUTPUTS", "")
        self.directory = self.url if self.url.startswith("/") else settings["spool"]
        os.makedirs(self.directory, exist_ok=True)

    def path(self, name):
        """The file of a name."""
        return os.path.join(self.directory, name)

    def write(self, name, text):
        """Leave a small file, whole, and put it where the factory looks."""
        being_written = self.path("." + name)
        with open(being_written, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.replace(being_written, self.path(name))
        self.put(name)

    def put(self, name):
        """Put a file at the factory's URL. That it cannot be had is no reason to stop."""
        if not self.url.startswith("http"):
            return
        try:
            with open(self.path(name), "rb") as file:
                wanted = urllib.request.Request(self.url.rstrip("/") + "/" + name, data=file.read(), method="PUT")
            with urllib.request.urlopen(wanted, timeout=PUT_SECONDS):
                pass
        except (OSError, ValueError) as error:
            say("{} cannot be put to the factory: {}".format(name, error))
