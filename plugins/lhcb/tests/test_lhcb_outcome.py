"""Outcomes from logs: lines of pilots and job agents old and new, in logs made up for the purpose."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_lhcb.inside import outcome
from vac_lhcb.inside.outcome import classify

STARTED = "2026-11-23T20:19:40Z INFO [PilotParams] Command LaunchAgent instantiated from pilotCommands"
AGENT = "2026-11-23T20:20:01,397372Z WorkloadManagement/JobAgent/WorkloadManagement/JobAgent"
GOOD = f"{AGENT} NOTICE:  Cycle was successful"
JOB = f"{AGENT} INFO: Received JobID=42, JobType=User, Owner=jo, JobGroup=00000000"
NO_MATCH = f"{AGENT} NOTICE: Job request OK, but no match found No match found ( 1510 : )"
NO_ANSWER = f"{AGENT} NOTICE: Failed to get jobs Timeout"
OVER = f"{AGENT} INFO: No more agent modules to execute. Exiting"
EXPIRED = (
    "ERROR: Can't update from server Error while updating from dips://cs.example.org:9135/Configuration/Server: "
    "PEM file /scratch/plt/x509proxy.pem has expired, not valid after 2026-11-22 10:00:00"
)
UNREACHED = "ERROR: Can't update from server Error while updating from dips://cs.example.org:9135: Connection refused"
NO_QUEUE = "ERROR [CheckCECapabilities] Could not get resource parameters [ERROR 1]"


def stop(why):
    return f'{AGENT} INFO: JobAgent will stop with message "{why}", execution complete.'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([STARTED, JOB, GOOD, OVER], "200 Success"),
        ([STARTED, JOB, GOOD, NO_MATCH, stop("Nothing to do for more than 0 cycles")], "300 Nothing to do after 1 job"),
        ([STARTED, NO_MATCH, stop("Nothing to do for more than 0 cycles")] * 2, "300 Nothing to do"),
        # The trap of the last line: an agent whose cycles end after a request in vain has had no work.
        ([STARTED, NO_MATCH, GOOD, OVER], "300 Nothing to do"),
        ([STARTED, JOB, GOOD, JOB, GOOD, NO_MATCH, GOOD], "300 Nothing to do after 2 jobs"),
        ([STARTED, NO_MATCH, JOB, GOOD], "200 Success"),
        ([STARTED, NO_ANSWER, GOOD], "600 Matcher Failed"),
        ([STARTED, stop("Node is being drained by an operator")], "100 Drained before its shutdown time"),
        ([STARTED, JOB, stop("No more time left")], "100 No time left for slot after 1 job"),
        ([STARTED, JOB, stop("Filling Mode is Disabled")], "200 Filling Mode is Disabled"),
        ([STARTED, stop("CE Not Available")], "500 CE Not Available"),
        ([STARTED, stop("Pilot version does not match the production version")],
         "600 Cannot match jobs with this pilot version"),
        ([STARTED, JOB, stop("Job Rescheduled")], "600 Problem so job rescheduled after 1 job"),
        ([STARTED, stop("Problem Rescheduling Job")], "600 Problem Rescheduling Job"),
        ([STARTED, stop("Matcher Failed")], "600 Matcher Failed"),
        ([STARTED, stop("JDL Problem")], "600 JDL Problem"),
        ([STARTED, stop("Payload Proxy Not Found")], "600 Payload Proxy Not Found"),
        ([STARTED, stop("Error during a payload execution")], "600 Payload execution failed with error"),
        ([STARTED, JOB, "ERROR: Not authorized to modify job 42", GOOD],
         "500 Credential lacks rights in DIRAC (needs pilot group or TrustedHost)"),
        ([STARTED], "700 Failed, probably JobAgent or Application problem"),
        ([STARTED, "Error while handshaking"], "500 Certificate/proxy not acceptable"),
        ([STARTED, "WARN: Can't update from server Error while updating from dips://cs:9135: No cert/key found!"],
         "500 Certificate/proxy not acceptable"),
        ([EXPIRED, NO_QUEUE], "500 Certificate/proxy not acceptable"),
        ([UNREACHED, NO_QUEUE], "600 DIRAC configuration service not reachable"),
        ([NO_QUEUE], "500 CE/queue not in DIRAC configuration"),
        (["ERROR: Could not find/set X509_CERT_DIR"], "500 No certificate authorities found"),
        (["None of the locations of the pilot files is reachable"], "500 Pilot files not reachable"),
        (["ERROR not enough local disk space: 12 MB"], "500 Not enough disk space"),
        (["Could not install DIRACOS"], "500 DIRAC cannot be installed"),
        (["ls: cannot access /cvmfs/lhcb.cern.ch: No such file or directory"], "500 CVMFS not available"),
        ([], "700 Failed, probably JobAgent or Application problem"),
    ],
)  # fmt: skip
def test_a_pilot_of_today(lines, said):
    assert "{} {}".format(*classify(lines)) == said


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['INFO: JobAgent will stop with message "No time left for slot'], "100 No time left for slot"),
        (['INFO: JobAgent will stop with message "Filling Mode is Disabled'], "200 Filling Mode is Disabled"),
        (["NOTICE:  Cycle was successful"], "200 Success"),
        (["NOTICE: Cycle was successful"], "700 Failed, probably JobAgent or Application problem"),
        (['INFO: JobAgent will stop with message "Nothing to do for more than 3 cycles'], "300 Nothing to do"),
        (["Job request OK: No match found"], "300 Nothing to do"),
        (["Error while handshaking [(\"Remote certificate hasn't been signed"], "500 Certificate/proxy not acceptable"),
        (["ERROR: Pilot version does not match the production version"],
         "600 Cannot match jobs with this pilot version"),
        (['INFO: JobAgent will stop with message "Job Rescheduled'], "600 Problem so job rescheduled"),
        (['message "Matcher Failed'], "600 Matcher Failed"),
        (['message "JDL Problem'], "600 JDL Problem"),
        (['message "Payload Proxy Not Found'], "600 Payload Proxy Not Found"),
        (['message "Problem Rescheduling Job'], "600 Problem Rescheduling Job"),
        (['message "Payload execution failed with error code 9'], "600 Payload execution failed with error"),
        (["NOTICE:  Cycle was successful", "Job request OK: No match found"], "300 Nothing to do"),
        (["Job request OK: No match found", "NOTICE:  Cycle was successful"], "200 Success"),
        ([], "700 Failed, probably JobAgent or Application problem"),
    ],
)  # fmt: skip
def test_a_pilot_of_before_2020(lines, said):
    assert "{} {}".format(*classify(lines, legacy=True)) == said


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]))), st.booleans())
def test_any_log_has_an_outcome_with_nothing_of_its_own_in_it(lines, legacy):
    code, text = classify(lines, legacy)
    assert 100 <= code <= 799
    assert text.isascii()
    assert text.isprintable()


def run(*words):
    done = subprocess.run([sys.executable, outcome.__file__, *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_script_stands_alone(tmp_path):
    log = tmp_path / "dirac-pilot.log"
    log.write_text(f"{STARTED}\n{JOB}\n{GOOD}\n")
    assert run(str(log)) == "200 Success\n"
    assert run("--legacy", str(log)) == "200 Success\n"


def test_several_logs_are_read_one_after_the_other(tmp_path):
    (tmp_path / "1.log").write_text(f"{STARTED}\n{JOB}\n")
    (tmp_path / "2.log").write_text(f"{NO_MATCH}\n")
    assert run(str(tmp_path / "1.log"), str(tmp_path / "2.log")) == "300 Nothing to do after 1 job\n"


def test_a_log_that_is_not_there_is_an_outcome_too(tmp_path):
    assert run(str(tmp_path / "gone.log")) == "700 Internal VM logging failed\n"


def test_a_line_without_an_end_is_read_in_parts(tmp_path):
    log = tmp_path / "dirac-pilot.log"
    log.write_bytes(b"\xff" * 10_000_000 + f"\n{STARTED}\n{JOB}\n".encode())
    assert run(str(log)) == "200 Success\n"
