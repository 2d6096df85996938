"""What the script in a machine is told: the JSON file that ``python3 -m inside`` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from vac_core.interfaces import ContextRequest
from vac_lhcb.arguments import pilot_arguments, queue_path
from vac_lhcb.credentials import credential_names
from vac_lhcb.diracx import PILOT, SITE, VO
from vac_lhcb.options import LhcbMachine, machine_options
from vac_lhcb.pilot_files import FACTORY
from vac_lhcb.places import Place

DRAIN_FILE: Final = "/var/lib/dirac_drain"
"""While it is there DIRAC's job agents take no job. It holds for a whole host."""
_END_MARGIN_SECONDS: Final = 300
_SPOOL: Final = "/var/spool/joboutputs"


def ce_name(request: ContextRequest, options: LhcbMachine) -> str:
    """What the space is called as a CE in DIRAC."""
    return options.dirac_ce or request.settings.vac_space


def machine_settings(request: ContextRequest, place: Place, diracx_url: str = "") -> bytes:
    """The JSON file; nothing in it is secret.

    ``credentials`` are names of files beside it, where the pilot's are too if ``pilot_urls`` is empty. What a machine
    may know only when it runs is empty: it then looks into its features, or makes an identifier of its own.
    """
    options, urls = machine_options(request.machinetype), request.urls
    ce = ce_name(request, options)
    told: Mapping[str, Any] = {
        "arguments": pilot_arguments(options, ce),
        "authorities": options.dirac_authorities,
        "checksums": options.dirac_pilot_checksums,
        "credentials": credential_names(options),
        "drain_file": DRAIN_FILE if place.has_files else "",
        "drain_seconds": options.dirac_drain_seconds,
        "end_margin": _END_MARGIN_SECONDS,
        "environment": _environment(options, diracx_url),
        "heartbeat_file": request.machinetype.heartbeat_file or "",
        "jobfeatures": urls.jobfeatures,
        "joboutputs": urls.joboutputs,
        "machinefeatures": urls.machinefeatures,
        "machinetype": request.machinetype.name,
        "pilot_urls": () if options.dirac_pilot_fetch == FACTORY else options.dirac_pilot_urls,
        "power_off": place.boots,
        "python": options.dirac_python or "",
        "queue_path": queue_path(options, ce) if options.dirac_read_features else "",
        "scheme": place.scheme,
        "space": request.settings.vac_space,
        "spool": _SPOOL,
        "user": options.dirac_user if place.boots else "",
        "uuid": request.machine.id,
        "work_parents": place.work_parents,
    }
    return json.dumps(told, indent=1, sort_keys=True).encode("ascii") + b"\n"


def _environment(options: LhcbMachine, diracx_url: str) -> Mapping[str, str]:
    """What the pilot finds in its environment, beside what is the machine's own."""
    told = {"DIRAC_PILOT_VO": options.dirac_vo}
    return {**told, "DIRACX_URL": diracx_url} if options.diracx_pilot_secret_file and diracx_url else told


def pilot_details(request: ContextRequest, place: Place) -> Mapping[str, str]:
    """What the journal keeps of a machine's pilot; DIRAC knows it by the same reference."""
    options, machine, space = machine_options(request.machinetype), request.machine, request.settings.vac_space
    return {
        PILOT: f"{place.scheme}://{space}/{space}:{machine.id}:{request.machinetype.name}",
        VO: options.dirac_vo,
        SITE: options.dirac_site or "",
    }
