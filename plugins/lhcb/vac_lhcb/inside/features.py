"""Machine/Job Features, and reading what is served or lies in directories."""

import os
import urllib.request

READ_SECONDS = 30
FILE_MAX = 64 * 1048576
KINDS = ("machinefeatures", "jobfeatures")


def read(base, name, context=None):
    """A file below a URL or an absolute path, as octets."""
    address = "{}/{}".format(base.rstrip("/"), name)
    if "://" not in address:
        address = "file://" + address
    with urllib.request.urlopen(address, timeout=READ_SECONDS, context=context) as answer:
        content = answer.read(FILE_MAX + 1)
    if len(content) > FILE_MAX:
        raise OSError("{} is too large".format(address))
    return content


class Features:
    """Machine/Job Features: a factory serves them, or has put them in directories; some clouds have none."""

    def __init__(self, settings):
        self.bases = {kind: settings[kind] or os.environ.get(kind.upper(), "") for kind in KINDS}

    def get(self, kind, key):
        """The text of a key; empty where it is not known."""
        base = self.bases[kind]
        try:
            return read(base, key).decode("ascii", "replace").strip() if base else ""
        except (OSError, ValueError):
            return ""

    def end(self):
        """When the machine must have ended, in Unix seconds; None where nobody says."""
        said = self.get("jobfeatures", "shutdowntime_job") or self.get("machinefeatures", "shutdowntime")
        return int(said) if said.isdigit() else None

    def url(self, kind):
        """As a pilot can read it, which takes no bare paths."""
        base = self.bases[kind]
        return base if "://" in base or not base else "file://" + base
