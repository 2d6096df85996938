"""``vbox_job.xml``: what a BOINC application asks of VirtualBox, for a context that volunteers are to have.

Its elements are those of samples/vboxwrapper/vboxjob.cpp in BOINC.
"""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from vac_core.interfaces import Context

NAME: Final = "vbox_job.xml"
_MIB: Final = 1048576
_WISHES: Final = ("enable_network", "enable_isocontextualization", "enable_shared_directory")
_COMPLETED: Final = "shutdown"
"""The file in the shared directory by which a guest can say that it is done before its time."""


def vbox_job(context: Context) -> bytes:
    """A job whose guest finds its context on a CD, and has as much memory and time as the machinetype gives."""
    root = Element("vbox_job")
    SubElement(root, "os_name").text = "Linux26_64"
    for element, feature, unit in (("memory_size_mb", "max_rss_bytes", _MIB), ("job_duration", "wall_limit_secs", 1)):
        if amount := context.jobfeatures.get(feature):
            SubElement(root, element).text = str(int(amount) // unit)
    for wish in _WISHES:
        SubElement(root, wish)
    SubElement(root, "completion_trigger_file").text = _COMPLETED
    indent(root)
    return tostring(root) + b"\n"
