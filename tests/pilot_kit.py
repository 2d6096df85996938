"""A place that publishes a pilot: a stand-in that notes how it was called and leaves the log that a test wants."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

STAND_IN = """\
import getpass, json, os, sys
print("called with", json.dumps(sys.argv[1:]))
print("environment", json.dumps({**os.environ}))
print("user", getpass.getuser())
print("stdin", sys.stdin.read() == "")
print(open("said.txt").read())
"""

STARTED = "INFO [PilotParams] Command LaunchAgent instantiated from pilotCommands\n"
JOB = "WorkloadManagement/JobAgent INFO: Received JobID=42, JobType=User\n"
NO_MATCH = "WorkloadManagement/JobAgent NOTICE: Job request OK, but no match found No match found ( 1510 : )\n"


def stopped(why: str) -> str:
    """The log of a job agent that says why it will run no more."""
    agent = "WorkloadManagement/JobAgent INFO: JobAgent"
    return f'{STARTED}{agent} will stop with message "{why}", execution complete.\n'


def publish(directory: Path, said: str = STARTED + JOB, program: str = STAND_IN) -> Path:
    """Lay the files of a pilot in a directory as DIRAC publishes them."""
    directory.mkdir(parents=True, exist_ok=True)
    files = {"dirac-pilot.py": program.encode(), "said.txt": said.encode()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    published = {"pilot.tar": packed.getvalue(), "pilot.json": b"{}"}
    for name, content in published.items():
        (directory / name).write_bytes(content)
    listed = {**published, "dirac-pilot.py": files["dirac-pilot.py"]}
    sums = "".join(f"{hashlib.sha512(content).hexdigest()}  {name}\n" for name, content in listed.items())
    (directory / "checksums.sha512").write_text(sums)
    return directory
