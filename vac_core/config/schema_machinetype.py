"""The options of [machinetype NAME].

Names, defaults and meanings are those of Vac 3, as in all of `vac_core.config.schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from vac_core.config.read import (
    decimal,
    integer,
    matching,
    no_parent,
    no_slash,
    optional,
    proxy_name,
    text,
    words,
    yes_no,
)
from vac_core.config.schema_settings import Settings
from vac_core.options import option

_DAY = 86400
_MIB = 1048576
_SECONDS = "seconds"


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
    cpu_weight: int = option(
        "New. What each processor of its machines weighs against the host's other programs when processors are short: "
        "100 as much as any, 1 for machines that give way to all, as on a computer that somebody uses.",
        integer(1, 10000),
        100,
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
