"""The pilot's command line, from the options: one row of a table for each."""

from __future__ import annotations

from collections.abc import Iterator

from vac_lhcb.options import LhcbMachine

HERE = "{work}"
"""Stands for the pilot's own directory, which is known in the machine only."""


def pilot_arguments(options: LhcbMachine, ce: str) -> tuple[str, ...]:
    """Everything that is known before a machine runs; the long forms, which pilots of all ages agree on."""
    return tuple(_rows(options, ce))


def _rows(options: LhcbMachine, ce: str) -> Iterator[str]:
    valued = (
        ("--Name", ce),
        ("--Queue", options.dirac_queue),
        ("--name", options.dirac_site),
        ("--gridCEType", options.dirac_grid_ce_type),
        ("--CEType", options.dirac_ce_type),
        ("--wnVO", options.dirac_vo),
        ("--project", options.dirac_project),
        ("--release", options.dirac_release),
        ("--setup", options.dirac_setup),
        ("--configurationServer", ",".join(options.dirac_servers)),
        ("--CVMFS_locations", ",".join(options.dirac_cvmfs_locations)),
        ("--commandExtensions", ",".join(options.dirac_extensions)),
        ("--commands", ",".join(options.dirac_commands)),
        ("--MaxCycles", str(options.dirac_max_cycles)),
        ("--PollingTime", str(options.dirac_polling_time)),
        ("--StopAfterFailedMatches", str(options.dirac_failed_matches)),
        ("--maxNumberOfProcessors", str(options.dirac_processors or "")),
        ("--tag", ",".join(options.dirac_tags)),
        ("--requiredTag", ",".join(options.dirac_required_tags)),
    )
    for name, value in valued:
        if value:
            yield from (name, value)
    if options.dirac_credential == "hostcert":
        yield from ("--cert", "--certLocation", HERE)
    if options.dirac_submit_pool:
        yield from ("-o", f"/LocalSite/SubmitPool={options.dirac_submit_pool}")
    for one in options.dirac_options:
        yield from ("-o", one)
    yield from options.dirac_arguments


def queue_path(options: LhcbMachine, ce: str) -> str:
    """Where DIRAC's configuration has the queue of a CE."""
    site = options.dirac_site or ""
    return f"/Resources/Sites/{site.partition('.')[0]}/{site}/CEs/{ce}/Queues/{options.dirac_queue}"
