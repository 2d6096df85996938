"""How the pilot is called: its names, its environment, its command line, its user."""

import os
import uuid

PROXY = "x509proxy.pem"
DIRACX_FILE = "diracx-pilot-secret"


def identity(settings, features):
    """The machine's own names: its identifier, and how DIRAC is to call its pilot."""
    own = settings["uuid"] or features.get("jobfeatures", "job_id") or str(uuid.uuid4())
    job = "{}:{}:{}".format(settings["space"], own, settings["machinetype"])
    return {
        "JOB_ID": job,
        "PILOT_UUID": "{}://{}/{}".format(settings["scheme"], settings["space"], job),
        "DIRAC_PILOT_STAMP": own.replace("-", "")[:32],
    }


def environment(settings, features, trusted, names, work):
    """What the pilot finds in its environment; of this script's own nothing but PATH."""
    given = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": work,
        "TMPDIR": work,
        "MACHINEFEATURES": features.url("machinefeatures"),
        "JOBFEATURES": features.url("jobfeatures"),
        "X509_CERT_DIR": trusted,
        "X509_VOMS_DIR": beside("X509_VOMS_DIR", trusted, "vomsdir"),
        "X509_VOMSES": beside("X509_VOMSES", trusted, "vomses"),
        "X509_USER_PROXY": own(settings, work, PROXY),
        "DIRACX_PILOT_SECRET_FILE": own(settings, work, DIRACX_FILE),
    }
    given.update(names)
    given.update(settings["environment"])
    return {name: text for name, text in given.items() if text}


def own(settings, work, name):
    """The path of a credential, if it is one that the machine was given."""
    return os.path.join(work, name) if name in settings["credentials"] else ""


def beside(variable, trusted, name):
    """What a variable names, else the directory of that name next to the authorities', if it is there."""
    path = os.environ.get(variable) or os.path.join(os.path.dirname(trusted), name)
    return path if os.path.exists(path) else ""


def arguments(settings, features, now, work, names):
    """The command line: what is known beforehand, and how much time is left, which DIRAC 9 reads nowhere else."""
    end = features.end()
    given = [work if one == "{work}" else one for one in settings["arguments"]]
    processors = features.get("jobfeatures", "allocated_cpu")
    if processors.isdigit():
        given += ["--pilotProcessors", processors]
    if end and settings["queue_path"]:
        minutes = max(1, int(end - now - settings["end_margin"]) // 60)
        given += ["-o", "{}/maxCPUTime={}".format(settings["queue_path"], minutes)]
    return [*given, "--pilotUUID", names["DIRAC_PILOT_STAMP"]]


def as_user(user):
    """The words by which a command is run as another user, in this environment as it is; none for none."""
    if user is None:
        return []
    return ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--init-groups", "--"]
