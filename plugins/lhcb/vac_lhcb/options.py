"""Options of machinetypes whose contextualiser is ``lhcb``, ``dirac_...`` or ``diracx_...``: any DIRAC VO may use them.

What names the site's own files stands in the site's files only: it has no ``pipe=True``.
"""

from __future__ import annotations

import attrs

from vac_core.config.read import choice, integer, matching, no_parent, optional, text, words, yes_no
from vac_core.config.schema import MachineType
from vac_core.options import option

OPTION_SET = "lhcb"
SITE_NAME = r"[A-Z]+\.[A-Za-z0-9_-]+\.[a-z]{2,4}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_SECONDS = "seconds"

_name = matching(_NAME, "a name of letters, digits, '.', '_' and '-'")


@attrs.frozen(kw_only=True)
class LhcbMachine:
    """How a machine's pilot is made."""

    dirac_era: str = option(
        "pilot3 for today's pilot, legacy for CernVM and pilots of its time, template for user_data of the VO's own.",
        choice("pilot3", "legacy", "template"),
        "pilot3",
        pipe=True,
    )
    dirac_site: str | None = option(
        "The site's name in DIRAC, such as VAC.Example.uk; needed, but by era template.",
        optional(matching(SITE_NAME, "DOMAIN.Site.country, such as VAC.Example.uk")),
        None,
    )
    dirac_vo: str = option("The VO.", _name, "lhcb", pipe=True)
    dirac_ce: str | None = option("Name of the CE in DIRAC; the space's where it is not set.", optional(_name), None)
    dirac_queue: str = option("Name of the CE's queue in DIRAC.", _name, "default", pipe=True)
    dirac_grid_ce_type: str = option("Type of the CE, by which the pilot picks its commands.", _name, "Vac", pipe=True)
    dirac_ce_type: str | None = option(
        "How jobs are run inside: InProcess, Pool, or Sudo in the era legacy; the VO decides where it is not set.",
        optional(matching(r"[A-Za-z]+(/[A-Za-z]+)?", "a word such as InProcess, or two such as Pool/Singularity")),
        None,
        pipe=True,
    )
    dirac_project: str = option("The VO's extension of DIRAC.", _name, "LHCb", pipe=True)
    dirac_release: str | None = option(
        "Its release; the VO decides where it is not set.", optional(_name), None, pipe=True
    )
    dirac_setup: str | None = option("The setup of DIRAC, before release 9.", optional(_name), None, pipe=True)
    dirac_servers: tuple[str, ...] = option(
        "Configuration servers; the VO decides where none is set. A gateway for volunteers' machines stands here.",
        words,
        (),
        pipe=True,
    )
    dirac_pilot_urls: tuple[str, ...] = option(
        "Where the pilot's files are: https://, or file:// of the machine's own; the first that has them is used.",
        words,
        ("https://lhcb-portal-dirac.cern.ch/pilot", "file:///cvmfs/lhcb.cern.ch/lhcbdirac/pilot"),
        pipe=True,
    )
    dirac_pilot_checksums: str = option(
        "Whether the pilot's files must match their checksums.", choice("require", "warn", "off"), "require"
    )
    dirac_pilot_fetch: str = option(
        "Who gets the pilot's files: the machine, or the factory, over http(s), for machines whose network is closed.",
        choice("machine", "factory"),
        "machine",
    )
    dirac_python: str | None = option(
        "The machine's Python that runs the pilot; that which runs the script where it is not set.",
        optional(matching(r"/\S+", "an absolute path")),
        None,
        pipe=True,
    )
    dirac_cvmfs_locations: tuple[str, ...] = option(
        "Where the pilot looks for DIRAC and for authorities.",
        words,
        ("/cvmfs/lhcb.cern.ch", "/cvmfs/grid.cern.ch"),
        pipe=True,
    )
    dirac_authorities: tuple[str, ...] = option(
        "Where certificate authorities may be in the machine; the first that is there is used.",
        words,
        ("/etc/grid-security/certificates", "/cvmfs/grid.cern.ch/etc/grid-security/certificates"),
        pipe=True,
    )
    dirac_extensions: tuple[str, ...] = option("The VO's own pilot commands.", words, ("LHCbPilot",), pipe=True)
    dirac_commands: tuple[str, ...] = option(
        "The pilot's commands; the VO decides where none is set.", words, (), pipe=True
    )
    dirac_max_cycles: int = option("Most jobs that one pilot runs, one after the other.", integer(1), 10, pipe=True)
    dirac_polling_time: int = option(
        "Time between two requests for a job.", integer(1, 3600), 20, unit=_SECONDS, pipe=True
    )
    dirac_failed_matches: int = option(
        "Requests without a job after which the pilot goes on asking; with 0 it ends at the first.",
        integer(0),
        0,
        pipe=True,
    )
    dirac_processors: int | None = option(
        "Processors that one job may use; all of the machine's where it is not set.",
        optional(integer(1)),
        None,
        pipe=True,
    )
    dirac_tags: tuple[str, ...] = option("Tags that jobs may ask for.", words, (), pipe=True)
    dirac_required_tags: tuple[str, ...] = option("Tags that jobs must have.", words, (), pipe=True)
    dirac_options: tuple[str, ...] = option("Further options of DIRAC, PATH=VALUE each.", words, (), pipe=True)
    dirac_submit_pool: str | None = option("The pool, before release 9.", optional(_name), None, pipe=True)

    dirac_credential: str = option(
        "What the machine proves itself with: a proxy, the hostcert itself, or none.",
        choice("proxy", "hostcert", "none"),
        "proxy",
    )
    dirac_cert: str = option(
        "Certificate, or proxy of a pilot's group: a file of the machinetype's, or an absolute path.",
        no_parent,
        "x509cert.pem",
    )
    dirac_key: str | None = option(
        "Its key; none where the file of dirac_cert holds it too.", optional(no_parent), "x509key.pem"
    )
    dirac_proxy_kind: str = option(
        "Form of the proxy; legacy_proxy = yes goes before it.", choice("rfc-limited", "rfc"), "rfc-limited"
    )
    dirac_proxy_margin: int = option("How much longer than its machine a proxy lives.", integer(0), 3600, unit=_SECONDS)

    dirac_drain_seconds: int = option(
        "How long before its end a machine takes no more jobs.", integer(0), 7200, unit=_SECONDS, pipe=True
    )
    dirac_read_features: bool = option(
        "Tell DIRAC how long the machine has, which from release 9 on it does not find out itself.",
        yes_no,
        True,
        pipe=True,
    )
    dirac_user: str = option(
        "The user of a virtual machine that runs the pilot.", matching(r"[a-z][a-z0-9_-]{0,31}", "a user's name"), "plt"
    )
    dirac_cvmfs_proxy: str = option(
        "CVMFS's proxies in virtual machines, or auto; user_data_option_cvmfs_proxy where it is not set.", text, ""
    )
    dirac_fault_seconds: int = option(
        "With the policy lhcb: how long it rests after a fault of the site's or of the VO's services.",
        integer(0),
        1800,
        unit=_SECONDS,
        pipe=True,
    )
    diracx_pilot_secret_file: str | None = option(
        "Experimental, as no release of DiracX takes it yet: file with DiracX's secret for pilots that nobody sent, "
        "which each machine is given. A file of the machinetype's, or an absolute path.",
        optional(no_parent),
        None,
    )
    dirac_site_status: str | None = option(
        "Who knows which sites are banned: DiracX's https://.../api/rss/site, or a file of that form; else not asked.",
        optional(matching(r"(https?:/)?/\S+", "a URL that starts with https:// or http://, or an absolute path")),
        None,
    )
    dirac_arguments: tuple[str, ...] = option("Further arguments of the pilot, as they stand.", words, ())


def machine_options(machinetype: MachineType) -> LhcbMachine:
    """What a machinetype says of its pilot, or the defaults."""
    found = machinetype.plugin_options.get(OPTION_SET)
    return found if isinstance(found, LhcbMachine) else LhcbMachine()
