"""A pilot as short as can be: it registers itself, writes a configuration, and runs DIRAC's real job agent.

DIRAC's own pilot is in no package index. This one takes the same command line, refuses what that one does not know, and
does of its commands RegisterPilot, ConfigureSite and LaunchAgent. It is run by the interpreter that has DIRAC.
"""

import argparse
import os
import subprocess
import sys

VALUED = """
CEType CVMFS_locations CPUTime MaxCycles Name PollingTime Queue StopAfterFailedMatches certLocation commandExtensions
commands configurationServer gridCEType maxNumberOfProcessors name pilotProcessors pilotUUID project release requiredTag
setup tag wnVO
"""

CONFIGURATION = """
DIRAC
{{
  VirtualOrganization = {told.wnVO}
  {security}
  Configuration
  {{
    Servers = {told.configurationServer}
  }}
}}
LocalSite
{{
  Site = {told.name}
  GridCE = {told.Name}
  CEQueue = {told.Queue}
  LocalCE = InProcess
  PilotReference = {reference}
  CPUTimeLeft = 100000
  CPUTime = 100000
  CPUNormalizationFactor = 1
}}
Resources
{{
  Computing
  {{
    CEDefaults
    {{
      VirtualOrganization = {told.wnVO}
    }}
  }}
}}
"""

SECURITY = """
  Security
  {{
    UseServerCertificate = yes
    CertFile = {told.certLocation}/hostcert.pem
    KeyFile = {told.certLocation}/hostkey.pem
  }}
"""

PROXY_SECURITY = """
  Security
  {
    UseServerCertificate = no
  }
"""

CFG = "etc/dirac.cfg"
"""Where the job agent notes how much time is left, and wants to find it."""
AGENT = "/Systems/WorkloadManagement/Agents/JobAgent"


def dirac(program, *words):
    """Run one of DIRAC's programs to its end."""
    command = [sys.executable, os.path.join(os.path.dirname(sys.executable), program), *words, "--cfg", CFG]
    return subprocess.run(command, check=False).returncode


parser = argparse.ArgumentParser(allow_abbrev=False)
for name in VALUED.split():
    parser.add_argument(f"--{name}")
parser.add_argument("-o", "--option", action="append", default=[])
parser.add_argument("--cert", action="store_true")
told = parser.parse_args()

os.environ["DIRAC_ROOT_PATH"] = os.getcwd()
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # jobs call DIRAC's programs
reference = os.environ["PILOT_UUID"]
security = SECURITY.format(told=told) if told.cert else PROXY_SECURITY
os.mkdir("etc")
with open(CFG, "w") as file:
    file.write(CONFIGURATION.format(told=told, security=security, reference=reference))

registered = dirac("dirac-admin-add-pilot", reference, told.wnVO, "CLOUD", told.pilotUUID, "--status=Running")
print("registered with", registered, flush=True)
print("Command LaunchAgent instantiated", flush=True)
options = [f"{AGENT}/{name}={getattr(told, name)}" for name in ("MaxCycles", "PollingTime", "StopAfterFailedMatches")]
words = [word for option in (*options, *told.option) for word in ("-o", option)]
print("the job agent ended with", dirac("dirac-agent", "WorkloadManagement/JobAgent", *words))
