"""A user's jobs: run in DIRAC's interpreter, as the user. ``submit TEXT``, ``status ID``, ``output ID DIRECTORY``."""

import json
import sys

from DIRAC.Core.Base.Script import Script

cfg, action, *words = sys.argv[1:]
sys.argv = ["jobs", "--cfg", cfg]
Script.parseCommandLine()

from DIRAC.Interfaces.API.Dirac import Dirac  # noqa: E402 - its configuration comes first
from DIRAC.Interfaces.API.Job import Job  # noqa: E402
from DIRAC.WorkloadManagementSystem.Client.PilotManagerClient import PilotManagerClient  # noqa: E402


def right(done):
    """The value of an answer."""
    assert done["OK"], done
    return done["Value"]


if action == "submit":
    job = Job()
    job.setName("test")
    job.setExecutable("/bin/echo", arguments=words[0], logFile="said.log")
    job.setCPUTime(100)
    print("RESULT", right(Dirac().submitJob(job)))
elif action == "status":
    print("RESULT", json.dumps(right(Dirac().getJobStatus(int(words[0])))[int(words[0])]))
elif action == "output":
    print("RESULT", json.dumps(right(Dirac().getOutputSandbox(int(words[0]), outputDir=words[1]))))
elif action == "pilot":
    print("RESULT", json.dumps(right(PilotManagerClient().getPilotInfo(words[0])), default=str))
