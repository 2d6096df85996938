"""The options of the core: [settings], [machinetype NAME] and [vacuum_pipe PREFIX], each declared once.

Names, defaults and meanings are those of Vac 3's vac.conf, so that a site's files work as they are. Options that
Vac 3 did not have are marked "New" in their text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from vac_core.config.read import (
    Peer,
    choice,
    decimal,
    host_name,
    host_ports,
    integer,
    matching,
    no_parent,
    no_slash,
    optional,
    peer_list,
    proxy_name,
    text,
    words,
    yes_no,
)
from vac_core.options import option

_DAY = 86400
_MIB = 1048576
_SECONDS = "seconds"

MACHINETYPE_NAME = r"[a-z0-9](?:[a-z0-9-]{0,62})"
"""What a machinetype, a pipe's prefix and a pipe's suffix may be called."""


@attrs.frozen(kw_only=True)
class Settings:
    """The [settings] section: this factory and its space."""

    vac_space: str = option("Name of the space: only factories of the same space answer each other.", host_name)
    factory_name: str | None = option(
        "New. This factory's name, lower-cased. The host's own name where it is not set.", optional(host_name), None
    )
    factories: tuple[Peer, ...] = option(
        "The space's other factories: NAME, NAME:PORT, NAME@ADDRESS or NAME@ADDRESS:PORT.", peer_list, ()
    )
    description: str = option("A line about this space, for people.", text, "")
    shutdown_time: int | None = option(
        "No machine outlives this time.", optional(integer(0)), None, unit="Unix seconds"
    )
    draining: bool = option("Start no machine while this is yes.", yes_no, False)

    total_processors: int | None = option(
        "Processors to give to machines; all the host has where it is not set.",
        optional(integer(1)),
        None,
        deprecated=("cpu_total", "total_machines"),
    )
    mb_per_processor: int = option(
        "Memory for each processor of a machine.", integer(1), 2048, unit="MiB", deprecated=("mb_per_cpu",)
    )
    hs06_per_processor: float | None = option(
        "Benchmark power of one processor; 1.0 is reckoned where it is not set.",
        optional(decimal(0.001)),
        None,
        unit="HS06 or HEPscore23",
        deprecated=("hs06_per_cpu",),
    )
    processors_per_superslot: int = option(
        "Processors whose machines end at one time, so that a larger machine can follow.",
        integer(1),
        1,
        deprecated=("vcpu_per_machine", "cpu_per_machine"),
    )
    superslot_rule: str = option(
        "New. With reserve, processors are kept for a larger machine whose turn it is; vac3 is Vac 3's rule.",
        choice("reserve", "vac3"),
        "reserve",
    )
    overload_per_processor: float = option(
        "Load average for each processor above which no machine is started.",
        decimal(0.0),
        1.25,
        deprecated=("overload_per_cpu",),
    )
    memory_overcommit: float = option(
        "New. Times the host's memory that machines may be promised, as few use all of theirs; 0 for no such limit.",
        decimal(0.0, 100.0),
        1.5,
    )
    max_starting: int | None = option(
        "New. Machines that may be starting at one time; as many as there are processors where it is not set.",
        optional(integer(1)),
        None,
    )
    min_disk_free_mb: int = option(
        "New. Start no machine while less than this is free where machines are kept.", integer(0), 256, unit="MiB"
    )
    disk_gb_per_processor: int = option(
        "Scratch disk for each processor, where a machine's disk is a file.",
        integer(1),
        40,
        unit="GB",
        deprecated=("scratch_gb", "disk_gb_per_cpu"),
    )
    volume_group: str = option("LVM volume group for machines' disks.", text, "vac_volume_group")

    udp_timeout_seconds: float = option("Deadline for a poll of the peers.", decimal(0.01, 60.0), 10.0, unit=_SECONDS)
    poll_seconds: float = option("New. Time between polls of the peers.", decimal(0.1, 3600.0), 60.0, unit=_SECONDS)
    pass_seconds: float = option(
        "New. Time between periodic passes, which mend what events missed.", decimal(0.1, 3600.0), 30.0, unit=_SECONDS
    )
    vacquery_address: str = option("New. Address the responder listens on.", text, "")
    vacquery_port: int = option("New. UDP port of this and other factories' responders.", integer(1, 65535), 995)
    vacquery_allow: str = option(
        "New. Whom the responder answers: any, or only the addresses of factories.", choice("any", "factories"), "any"
    )
    vacquery_key_file: str | None = option(
        "New. File with the space's shared key, which signs VacQuery messages.", optional(text), None
    )
    vacquery_auth: str = option(
        "New. With require, messages without a fresh signature by the shared key are refused.",
        choice("optional", "require"),
        "optional",
    )
    vacmon_hostport: tuple[tuple[str, int], ...] = option(
        "VacMon servers, HOST:PORT, that are told of this factory's state.", host_ports, ()
    )

    http_address: str = option("New. Address on which features, outputs and metadata are served.", text, "127.0.0.1")
    http_port: int = option("New. TCP port of that service; 0 takes a free one.", integer(0, 65535), 0)
    joboutputs_max_mb: int = option(
        "New. Most that one machine may leave in its joboutputs.", integer(1), 100, unit="MiB"
    )
    joboutputs_max_files: int = option("New. Most files one machine may leave in its joboutputs.", integer(1), 1000)
    fetch_timeout_seconds: float = option(
        "New. Deadline for fetching a vacuum pipe or a user_data template.", decimal(0.1, 600.0), 30.0, unit=_SECONDS
    )
    fetch_max_mb: int = option("New. Largest vacuum pipe or user_data template.", integer(1, 100), 4, unit="MiB")
    image_directory: str | None = option(
        "New. Where images are cached; imagecache in the state directory where it is not set. Read when the factory "
        "starts.",
        optional(matching(r"/[^\0]*", "an absolute path")),
        None,
    )
    image_cache_gb: float = option(
        "New. Most that the cache of images may hold; images that no machine uses make room for others.",
        decimal(0.0),
        100.0,
        unit="GB",
    )
    image_cache_days: float = option(
        "New. How long an image is kept that is of no use to anybody.", decimal(0.0), 30.0, unit="days"
    )
    image_max_gb: float = option("New. Largest image.", decimal(0.0), 20.0, unit="GB")
    image_timeout_seconds: float = option(
        "New. Deadline for fetching an image; what has come by then is kept for the next try.",
        decimal(0.1, 86400.0),
        3600.0,
        unit=_SECONDS,
    )
    image_check_seconds: float = option(
        "New. Time after which the server is asked again whether an image is the current one.",
        decimal(0.0),
        600.0,
        unit=_SECONDS,
    )
    image_max_stale_seconds: float = option(
        "New. An image whose currency could not be checked for longer is not used for new machines.",
        decimal(1.0),
        float(_DAY),
        unit=_SECONDS,
    )

    journal_days: int = option("New. How long the journal keeps events and machines.", integer(1), 400, unit="days")

    policies: tuple[str, ...] = option(
        "New. Policies that veto and rank machinetypes; the first one's rank weighs most.",
        words,
        ("host-limits", "backoff", "target-shares"),
    )
    peer_finders: tuple[str, ...] = option("New. How other factories are found and asked.", words, ("static",))
    block_plugins: tuple[str, ...] = option("New. Plugins, by name, that are not to be loaded.", words, ())

    gocdb_sitename: str | None = option("The site's name in GOCDB.", optional(text), None)
    gocdb_cert_file: str | None = option("Certificate for GOCDB.", optional(text), None)
    gocdb_key_file: str | None = option("Private key for GOCDB.", optional(text), None)
    version_logger: int = option("Accepted for Vac 3's sake: nothing is ever sent to a version logger.", integer(0), 0)
    root_public_key: str = option(
        "File with the public ssh key that a machine's root may accept.", text, "/root/.ssh/id_rsa.pub"
    )
    singularity_user: str | None = option("User that container processes run as.", optional(text), None)
    fix_networking: bool = option("Whether a hypervisor may mend the host's network for its machines.", yes_no, True)
    forward_dev: str | None = option("Network device through which machines reach the outside.", optional(text), None)
    deprecated_features: bool = option(
        "New. Also give machines the Machine/Job Features of before 2016, such as jobslots.", yes_no, True
    )
    machinefeatures_option: Mapping[str, str] = option(
        "machinefeatures_option_XXX: a further key XXX of every machine's machinefeatures.", text, many=True
    )
    user_data_option: Mapping[str, str] = option(
        "user_data_option_XXX: replaces ##user_data_option_XXX## in every machinetype's user_data.", text, many=True
    )
    user_data_file: Mapping[str, str] = option(
        "user_data_file_XXX: a file whose content replaces ##user_data_option_XXX##.", text, many=True
    )


@attrs.frozen(kw_only=True)
class MachineType:
    """A [machinetype NAME] section, or one machinetype of a vacuum pipe."""

    name: str
    """From the section's heading: lower-case letters, digits and hyphens."""
    files_dir: str = ""
    """Where relative names of its files are looked up."""
    pipe: str | None = None
    """Prefix of the vacuum pipe it came from."""
    plugin_options: Mapping[str, Any] = attrs.field(factory=dict)
    """Options that plugins declared for machinetypes: one value of each plugin's schema, by the schema's name."""

    target_share: float = option(
        "Its part of the space, weighed against the other machinetypes'. None is started at 0.",
        decimal(0.0),
        0.0,
        pipe=True,
    )
    machinegroup: str | None = option(
        "Machinetypes of one group share as one; its accounting_fqan, or its own name, where it is not set.",
        optional(text),
        None,
    )
    machine_model: str = option(
        "What kind of machine: a model that an installed hypervisor offers.",
        matching(r"[a-z0-9][a-z0-9-]*", "a machine model: lower-case letters, digits and hyphens"),
        "cernvm3",
        deprecated=("vm_model",),
        pipe=True,
    )
    hypervisor: str | None = option(
        "New. Which hypervisor, by name, where several offer its machine model.", optional(text), None
    )
    contextualiser: str = option("New. What makes its context, by name.", text, "user_data")
    root_image: str | None = option(
        "Image it boots or runs: a URL, a path or a name.", optional(no_parent), None, pipe=True
    )
    root_image_sha256: str | None = option(
        "New. The sha256 that its image must have, in hexadecimal; such an image needs no check of its currency.",
        optional(matching(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")),
        None,
        pipe=True,
    )
    user_data: str | None = option(
        "Template of its user_data: a URL, or the name of a file of the machinetype.",
        optional(no_parent),
        None,
        pipe=True,
    )
    user_data_proxy: str | None = option(
        "Certificate and key from which its X.509 proxy is made: a name, yes for the usual one, or no.",
        proxy_name,
        None,
        pipe=True,
    )
    legacy_proxy: bool = option("Make an old-style proxy.", yes_no, False, pipe=True)
    root_device: str = option("Its root disk's device.", no_slash, "vda", pipe=True)
    scratch_device: str = option("Its scratch disk's device.", no_slash, "vdb", pipe=True)
    container_command: str = option("What is run in its container.", text, "/user_data", pipe=True)
    tmp_binds: tuple[str, ...] = option(
        "Directories of a container that are given scratch space.", words, (), pipe=True
    )
    cvmfs_repositories: tuple[str, ...] = option("CVMFS repositories it needs.", words, (), pipe=True)
    disk_gb_per_processor: int | None = option(
        "Scratch disk for each of its processors; as in [settings] where it is not set.",
        optional(integer(1)),
        None,
        unit="GB",
        deprecated=("scratch_gb", "disk_gb_per_cpu"),
        pipe=True,
    )
    mb_per_processor: int | None = option(
        "New. Memory for each of its processors; as in [settings] where it is not set.",
        optional(integer(1)),
        None,
        unit="MiB",
        pipe=True,
    )
    min_processors: int = option("Fewest processors it can use.", integer(1), 1, pipe=True)
    max_processors: int = option("Most processors it can use.", integer(1), 1, pipe=True)
    min_wallclock_seconds: int | None = option(
        "Least time that is of use to it; as max_wallclock_seconds where it is not set.",
        optional(integer(1)),
        None,
        unit=_SECONDS,
        pipe=True,
    )
    max_wallclock_seconds: int = option("Longest that one may live.", integer(1), _DAY, unit=_SECONDS, pipe=True)
    backoff_seconds: int = option(
        "Time without a start after one found no work, or failed.", integer(0), 10, unit=_SECONDS, pipe=True
    )
    fizzle_seconds: int = option(
        "A machine that ends sooner than this did no work.", integer(0), 600, unit=_SECONDS, pipe=True
    )
    grace_seconds: int = option(
        "New. Time between asking one to stop and destroying it.", integer(0), 30, unit=_SECONDS, pipe=True
    )
    heartbeat_file: str | None = option(
        "File of its joboutputs that shows that it lives.", optional(no_slash), None, pipe=True
    )
    heartbeat_seconds: int = option(
        "Destroy one whose heartbeat_file is older than this; 0 for no such limit.",
        integer(0),
        0,
        unit=_SECONDS,
        pipe=True,
    )
    accounting_fqan: str = option("The VO's FQAN for accounting.", text, "", pipe=True)
    machines_dir_days: float = option(
        "How long a finished machine's files are kept.",
        decimal(0.0),
        3.0,
        unit="days",
        deprecated=("machineoutputs_days",),
    )
    image_signing_dn: str | None = option(
        "Who must have signed its image: a pattern that the signer's DN must match.",
        optional(text),
        None,
        deprecated=("cernvm_signing_dn",),
        pipe=True,
    )
    user_data_option: Mapping[str, str] = option(
        "user_data_option_XXX: replaces ##user_data_option_XXX## in its user_data.", text, many=True, pipe=True
    )
    user_data_file: Mapping[str, str] = option(
        "user_data_file_XXX: a file whose content replaces ##user_data_option_XXX##.", text, many=True, pipe=True
    )

    @property
    def group(self) -> str:
        """The machinegroup it shares in."""
        return self.machinegroup or self.accounting_fqan or self.name

    def bytes_per_processor(self, settings: Settings) -> int:
        """Memory for each of its processors, in octets."""
        return (self.mb_per_processor or settings.mb_per_processor) * _MIB

    @property
    def least_wallclock(self) -> int:
        """Seconds below which there is no point in starting one."""
        return self.max_wallclock_seconds if self.min_wallclock_seconds is None else self.min_wallclock_seconds


@attrs.frozen(kw_only=True)
class VacuumPipe:
    """A [vacuum_pipe PREFIX] section: machinetypes that a VO publishes as a document.

    Any option of a machinetype may stand here too, and is then the default of all that the pipe defines.
    """

    prefix: str
    """From the section's heading."""
    machinetype_defaults: Mapping[str, str] = attrs.field(factory=dict)
    """The machinetype options of the section, as text; secret ones are left out."""

    vacuum_pipe_url: str = option(
        "Where the document is.", matching(r"https?://\S+", "a URL that starts with https:// or http://")
    )
    target_share: float = option("The share that the pipe's machinetypes divide.", decimal(0.0), 0.0)


@attrs.frozen(kw_only=True)
class Site:
    """All that the site files and pipes say, read and checked."""

    settings: Settings
    machinetypes: Mapping[str, MachineType] = attrs.field(factory=dict)
    pipes: Mapping[str, VacuumPipe] = attrs.field(factory=dict)
    plugin_options: Mapping[str, Any] = attrs.field(factory=dict)
    """One value of each plugin's schema for its [plugin NAME] section, by NAME."""
    disabled: Mapping[str, str] = attrs.field(factory=dict)
    """Machinetypes that cannot be used, by name, each with the reason."""
