"""The pilot's files: got from where the VO publishes them, checked and unpacked."""

import hashlib
import os
import ssl
import tarfile

from .features import read
from .reports import TroubleError, say

PILOT_FILES = ("checksums.sha512", "pilot.json", "pilot.tar")


def authorities(settings):
    """The directory of certificate authorities: the first that is there and not empty."""
    for directory in [os.environ.get("X509_CERT_DIR", "")] + settings["authorities"]:
        if os.path.isdir(directory) and os.listdir(directory):
            return directory
    return ""


def fetch_pilot(settings, directory, trusted):
    """Get the pilot's files from the first place that has them whole, and unpack them."""
    context = ssl.create_default_context(capath=trusted or None)
    reasons = []
    for base in settings["pilot_urls"]:
        try:
            contents = {name: read(base, name, context) for name in PILOT_FILES if wanted(name, settings)}
        except (OSError, ValueError) as error:
            reasons.append("{}: {}".format(base, error))
            continue
        check(contents, settings["checksums"])
        unpack(contents, directory)
        check(dict(files_of(directory)), settings["checksums"], contents)
        say("the pilot is from " + base)
        return
    for reason in reasons:
        say(reason)
    raise TroubleError(500, "Pilot files not reachable")


def wanted(name, settings):
    """Whether a file is needed: checksums are not where they are not looked at."""
    return name != "checksums.sha512" or settings["checksums"] != "off"


def check(contents, strictness, listed_in=None):
    """Compare files with the list of checksums that came with them; a page of HTML is no such list."""
    if strictness == "off":
        return
    listed = sums((listed_in or contents)["checksums.sha512"].decode("ascii", "replace"))
    if listed_in is None and not ("pilot.tar" in listed and "pilot.json" in listed):
        refuse(strictness, "Pilot files have no checksums")
    for name, content in contents.items():
        if name in listed and hashlib.sha512(content).hexdigest() != listed[name]:
            refuse(strictness, "Pilot files do not match their checksums")


def refuse(strictness, text):
    """Stop, or only say so where the site wants no more."""
    if strictness == "require":
        raise TroubleError(500, text)
    say(text)


def sums(text):
    """Checksums by file, as sha512sum writes them."""
    lines = (line.split() for line in text.splitlines())
    return {words[1].lstrip("*"): words[0].lower() for words in lines if len(words) == 2 and len(words[0]) == 128}


def unpack(contents, directory):
    """Lay the pilot's files in a directory, plain files and nothing above it."""
    packed = os.path.join(directory, "pilot.tar")
    for name in ("pilot.tar", "pilot.json"):
        with open(os.path.join(directory, name), "wb") as file:
            file.write(contents[name])
    try:
        with tarfile.open(packed) as archive:
            for member in archive:
                name = os.path.normpath(member.name)
                if member.isfile() and name == os.path.basename(name):
                    member.name = name
                    archive.extract(member, directory)
    except (tarfile.TarError, EOFError) as error:
        raise TroubleError(500, "Pilot files cannot be unpacked") from error
    if not os.path.exists(os.path.join(directory, "dirac-pilot.py")):
        raise TroubleError(500, "Pilot files have no dirac-pilot.py")


def files_of(directory):
    """Each file of a directory with its content."""
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            yield name, file.read()
