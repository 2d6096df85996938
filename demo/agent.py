#!/usr/bin/env -S python3 -IS
"""A job agent: the user_data of the demo's machines, and the only thing that a virtual organisation runs at a site.

It reads its Machine/Job Features, takes tasks from its VO's queue until there are none or its time is nearly up, and
says in its shutdown message how it ended. Vac replaces the pattern below when it makes the machine.
"""

import hashlib
import http.client
import json
import os
import pathlib
import signal
import time
import urllib.parse

QUEUE = "##user_data_option_queue##"
LAST_TASK_SECONDS = 1.0
"""With less time than this left, no further task is begun."""
DIFFICULTY_BITS = 12
HTTP_OK = 200

MESSAGES = {
    "asked": "100 Shutdown as requested by the VM's host/hypervisor",
    "done": "200 Intended work completed ok",
    "nothing": "300 No more work available from task queue",
    "trouble": "600 The task queue cannot be reached",
}

outputs = pathlib.Path(os.environ.get("JOBOUTPUTS", "."))


def feature(directory: str, key: str) -> str:
    """One of the Machine/Job Features; read anew each time, since some of them change."""
    return pathlib.Path(os.environ[directory], key).read_text().strip()


def seconds_left() -> float:
    """Time until this machine must have ended."""
    return int(feature("JOBFEATURES", "shutdowntime_job")) - time.time()


def told_to_stop(within: float) -> bool:
    """Wait for so many seconds, or until the host wants this machine to end; say whether it does."""
    return signal.sigtimedwait([signal.SIGTERM], within) is not None


def ask(queue: http.client.HTTPConnection, method: str, path: str, words: dict[str, str]) -> dict[str, str] | None:
    """Ask the queue; None where it has nothing to give."""
    queue.request(method, path, json.dumps(words), {"Content-Type": "application/json"})
    answer = queue.getresponse()
    body = answer.read()
    return dict(json.loads(body)) if answer.status == HTTP_OK else None


def solve(task: str) -> tuple[str, float]:
    """Find the number that the task asks for; return it and how many seconds of waiting belong to the task."""
    number, digest = 0, hashlib.sha256(f"{task}:0".encode()).digest()
    while int.from_bytes(digest[:4], "big") >> (32 - DIFFICULTY_BITS):
        number += 1
        digest = hashlib.sha256(f"{task}:{number}".encode()).digest()
    return str(number), 0.2 + digest[-1] / 640


def pull(queue: http.client.HTTPConnection, vo: str) -> str:
    """Do tasks until there is a reason not to; return the shutdown message."""
    done = 0
    machine = feature("JOBFEATURES", "job_id")
    while seconds_left() > LAST_TASK_SECONDS:
        if told_to_stop(within=0):
            return MESSAGES["asked"]
        lease = ask(queue, "POST", f"{vo}/lease", {"machine": machine})
        if lease is None:
            return MESSAGES["done" if done else "nothing"]
        answer, wait = solve(lease["task"])
        if told_to_stop(wait):
            ask(queue, "DELETE", f"{vo}/leases/{lease['lease']}", {})
            return MESSAGES["asked"]
        ask(queue, "POST", f"{vo}/leases/{lease['lease']}/done", {"answer": answer})
        done += 1
        (outputs / "heartbeat").write_text(f"{done}\n")
    return MESSAGES["done"]


def main() -> None:
    """Be a machine."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    (outputs / "heartbeat").write_text("0\n")
    url = urllib.parse.urlsplit(QUEUE)
    queue = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
    try:
        message = pull(queue, url.path)
    except (OSError, http.client.HTTPException) as error:
        message = f"{MESSAGES['trouble']}: {type(error).__name__}"
    (outputs / "shutdown_message").write_text(message)


if __name__ == "__main__":
    main()
