#!/usr/bin/env python3
"""Say how a pilot ended: read its logs, and print a shutdown message of three digits and a text.

It stands alone: it is copied into machines, and needs nothing but Python 3.6 or newer. The logs are hostile until read:
lines are cut, and nothing of them but numbers reaches the message.
"""

import argparse
import re
import sys

LINE_MAX = 4096
CREDENTIAL = (500, "Certificate/proxy not acceptable")
RIGHTS = (500, "Credential lacks rights in DIRAC (needs pilot group or TrustedHost)")
UNKNOWN = (700, "Failed, probably JobAgent or Application problem")

# What can go wrong before the job agent starts. The first cause in the log counts, of the first group that has one:
# a site's own fault explains a server that cannot be reached, not the other way round.
CAUSES = (
    (
        (r"None of the locations of the pilot files is reachable", (500, "Pilot files not reachable")),
        (r"[Cc]hecksum.*(mismatch|does not match|differ)", (500, "Pilot files do not match their checksums")),
        (r"Could not find/set X509_", (500, "No certificate authorities found")),
        (r"not enough local disk space", (500, "Not enough disk space")),
        (r"release not found|Could not install DIRACOS", (500, "DIRAC cannot be installed")),
        (r"PEM file .{0,400} has expired|No cert/key found|Unauthorized", CREDENTIAL),
        (r"[Hh]andshak|certificate (has expired|verify failed)", CREDENTIAL),
        (
            r"/cvmfs/\S* ?(: |is |does )?(No such file|not (available|found|mounted|exist))",
            (500, "CVMFS not available"),
        ),
    ),
    ((r"Can't update from server", (600, "DIRAC configuration service not reachable")),),
    ((r"Could not get resource parameters", (500, "CE/queue not in DIRAC configuration")),),
)

# Why the job agent says that it will stop.
STOPS = (
    ("Node is being drained", (100, "Drained before its shutdown time")),
    ("No more time left", (100, "No time left for slot")),
    ("No time left for slot", (100, "No time left for slot")),
    ("Filling Mode is Disabled", (200, "Filling Mode is Disabled")),
    ("Nothing to do", (300, "Nothing to do")),
    ("CE Not Available", (500, "CE Not Available")),
    ("Pilot version does not match", (600, "Cannot match jobs with this pilot version")),
    ("Problem Rescheduling Job", (600, "Problem Rescheduling Job")),
    ("Job Rescheduled", (600, "Problem so job rescheduled")),
    ("Matcher Failed", (600, "Matcher Failed")),
    ("JDL Problem", (600, "JDL Problem")),
    ("Payload Proxy Not Found", (600, "Payload Proxy Not Found")),
    ("Error during the submission process", (600, "Payload execution failed with error")),
    ("Error during a payload execution", (600, "Payload execution failed with error")),
    ("Payload execution failed", (600, "Payload execution failed with error")),
)

# Logs of pilots from before 2020: the last line that matches counts.
LEGACY = (
    ('INFO: JobAgent will stop with message "No time left for slot', (100, "No time left for slot")),
    ('INFO: JobAgent will stop with message "Filling Mode is Disabled', (200, "Filling Mode is Disabled")),
    ("NOTICE:  Cycle was successful", (200, "Success")),
    ('INFO: JobAgent will stop with message "Nothing to do for more than', (300, "Nothing to do")),
    ("Job request OK: No match found", (300, "Nothing to do")),
    ('Error while handshaking [("Remote certificate hasn', CREDENTIAL),
    ("ERROR: Pilot version does not match the production version", (600, "Cannot match jobs with this pilot version")),
    ('will stop with message "Job Rescheduled', (600, "Problem so job rescheduled")),
    ('"Matcher Failed', (600, "Matcher Failed")),
    ('"JDL Problem', (600, "JDL Problem")),
    ('"Payload Proxy Not Found', (600, "Payload Proxy Not Found")),
    ('"Problem Rescheduling Job', (600, "Problem Rescheduling Job")),
    ('"Payload execution failed with error code', (600, "Payload execution failed with error")),
)

# How the last request for a job ended, where the agent does not say why it stops.
MATCHES = {"job": (200, "Success"), "none": (300, "Nothing to do"), "error": (600, "Matcher Failed")}

STARTED = re.compile(r"Command LaunchAgent instantiated|WorkloadManagement/JobAgent")
STOP = re.compile(r'will stop with message "([^"]{0,200})')
JOB = re.compile(r"Received JobID=\d")
NO_MATCH = re.compile(r"[Nn]o match found")
NO_ANSWER = re.compile(r"Failed to get jobs|Timeout while requesting job|Pilot version mismatch")
NO_RIGHTS = re.compile(r"Not authorized to modify job")


class Reading:
    """What has been read of a pilot's logs so far."""

    def __init__(self):
        self.started = False
        self.no_rights = False
        self.jobs = 0
        self.match = None
        self.stop = None
        self.causes = [None] * len(CAUSES)

    def read(self, line):
        """Take note of one line."""
        self.started = self.started or STARTED.search(line) is not None
        self.no_rights = self.no_rights or NO_RIGHTS.search(line) is not None
        if JOB.search(line):
            self.jobs += 1
            self.match = "job"
        elif NO_ANSWER.search(line):
            self.match = "error"
        elif NO_MATCH.search(line):
            self.match = "none"
        said = STOP.search(line)
        if said:
            self.stop = next((outcome for text, outcome in STOPS if text in said.group(1)), self.stop)
        for place, group in enumerate(CAUSES):
            if self.causes[place] is None:
                self.causes[place] = next((outcome for text, outcome in group if re.search(text, line)), None)

    def outcome(self):
        """Code and text."""
        if self.no_rights:
            return RIGHTS
        if self.started and self.stop:
            return self._with_jobs(self.stop)
        if self.started and self.match:
            return self._with_jobs(MATCHES[self.match])
        return next((outcome for outcome in self.causes if outcome), UNKNOWN)

    def _with_jobs(self, outcome):
        code, text = outcome
        if not self.jobs or code == 200:
            return outcome
        return code, "{} after {} job{}".format(text, self.jobs, "" if self.jobs == 1 else "s")


def classify(lines, legacy=False):
    """How the pilot ended whose logs have these lines: a code and a text."""
    if legacy:
        found = UNKNOWN
        for line in lines:
            found = next((outcome for text, outcome in LEGACY if text in line), found)
        return found
    reading = Reading()
    for line in lines:
        reading.read(line)
    return reading.outcome()


def lines_of(paths):
    """The lines of several logs, one log after the other, each cut to a bearable length."""
    for path in paths:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as log:
            while True:
                line = log.readline(LINE_MAX)
                if not line:
                    break
                yield line


def main():
    """Print the shutdown message of a pilot whose logs are named."""
    parser = argparse.ArgumentParser(prog="vac-lhcb-outcome", description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="+", metavar="LOG", help="log of a pilot or job agent, the oldest first")
    parser.add_argument("--legacy", action="store_true", help="they are logs of a pilot from before 2020")
    given = parser.parse_args()
    try:
        outcome = classify(lines_of(given.logs), given.legacy)
    except OSError as error:
        print("vac-lhcb-outcome: {}".format(error), file=sys.stderr)
        outcome = (700, "Internal VM logging failed")
    print("{} {}".format(*outcome))


if __name__ == "__main__":
    main()
