"""The options of [settings].

Names, defaults and meanings are those of Vac 3, as in all of `vac_core.config.schema`.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from vac_core.config.read import (
    Peer,
    choice,
    decimal,
    host_name,
    host_ports,
    integer,
    matching,
    optional,
    peer_list,
    text,
    words,
    yes_no,
)
from vac_core.options import option

_DAY = 86400
_SECONDS = "seconds"


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
