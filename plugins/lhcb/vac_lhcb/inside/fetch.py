"""The pilot's files: got from where the VO publishes them, checked and unpacked."""

import hashlib
import os
import ssl
import tarfile

from .features import read
from .reports import TroubleError, say

SUMS = "checksums.sha512"
PILOT_FILES = (SUMS, "pilot.json", "pilot.tar")


def authorities(settings):
    """The directory of certificate authorities: the first that is there and not empty."""
    for directory in [os.environ.get("X509_CERT_DIR", "")] + settings["authorities"]:
        if os.path.isdir(directory) and os.listdir(directory):
            return directory
    return ""


def fetch_pilot(settings, directory, trusted, place):
    """Get the files from the first place that has them whole, or where the factory has put them, and unpack them."""
    context = ssl.create_default_context()  # VOs' servers have certificates of the web's authorities, or of the grid's
    context.load_verify_locations(capath=trusted)
    reasons = []
    for base in settings["pilot_urls"] or [place]:
        try:
            contents = {name: read(base, name, context) for name in PILOT_FILES if wanted(name, settings)}
        except (OSError, ValueError) as error:
            reasons.append("{}: {}".format(base, error))
            continue
        listed = sums(contents.get(SUMS, b"").decode("ascii", "replace"))
        if settings["checksums"] != "off" and not ("pilot.tar" in listed and "pilot.json" in listed):
            refuse(settings["checksums"], "Pilot files have no checksums")
        compare(contents, listed, settings["checksums"])
        unpack(contents, directory)
        compare(dict(files_of(directory)), listed, settings["checksums"])
        say("the pilot is from " + base)
        return
    for reason in reasons:
        say(reason)
    raise TroubleError(500, "Pilot files not reachable")


def wanted(name, settings):
    """Whether a file is needed: checksums are not where they are not looked at."""
    return name != SUMS or settings["checksums"] != "off"


def compare(contents, listed, strictness):
    """Compare files with the checksums that came with them, of those that are listed."""
    for name, content in contents.items():
        if name in listed and hashlib.sha512(content).hexdigest() != listed[name]:
            refuse(strictness, "Pilot files do not match their checksums")


def refuse(strictness, text):
    """Stop, or only say so where the site wants no more."""
    if strictness == "require":
        raise TroubleError(500, text)
    say(text)


def sums(text):
    """Checksums by file, as sha512sum writes them; none in a page of HTML."""
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
