"""What a virtual machine's application and its watcher hold to, kept with the machine in the journal: no secrets.

A job file that changes, or a factory that is started anew, changes nothing for machines that run.
"""

from __future__ import annotations

import json
from typing import Final

import attrs

from vac_boinc.vbox_job import VboxJob

DETAIL: Final = "boinc_app"
"""The name under which the journal has them."""


class TermsError(ValueError):
    """They cannot be read."""


@attrs.frozen(kw_only=True)
class Terms:
    """Names of files in the shared directory, empty for none; times in seconds, 0 for no limit."""

    completion: str = ""
    temporary_exit: str = ""
    fraction: str = ""
    heartbeat: str = ""
    interval: float = 600.0
    duration: float = 0.0
    cern_dataformat: bool = False
    outputs: tuple[str, ...] = ()
    """Files that are kept with the machine's outputs."""

    @classmethod
    def of(cls, job: VboxJob, outputs: tuple[str, ...]) -> Terms:
        """Those of a job."""
        times = Terms(
            interval=job.minimum_heartbeat_interval,
            duration=job.job_duration,
            cern_dataformat=job.enable_cern_dataformat,
        )
        if not job.shares_directory:
            return times
        return attrs.evolve(
            times,
            completion=job.completion_trigger_file,
            temporary_exit=job.temporary_exit_trigger_file,
            fraction=job.fraction_done_filename,
            heartbeat=job.heartbeat_filename,
            outputs=outputs,
        )

    def packed(self) -> str:
        """As one short text."""
        told = attrs.asdict(self, filter=lambda field, value: value != field.default)
        return json.dumps(told, separators=(",", ":"), sort_keys=True)

    @classmethod
    def unpacked(cls, raw: str) -> Terms:
        """What was packed. Raises `TermsError`."""
        try:
            told = json.loads(raw)
            return cls(**{**told, "outputs": tuple(told.get("outputs", ()))})
        except (ValueError, TypeError, AttributeError) as error:
            raise TermsError(f"{DETAIL} in the journal is not to be understood ({error})") from None
