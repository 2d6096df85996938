"""What a machine proves itself with: a proxy made for it, the site's own certificate, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vac_grid.credential import CredentialError
from vac_grid.proxy import ProxyKind
from vac_grid.source import ProxySource

from vac_core.builtin.site_files import SiteFileError, site_path
from vac_core.config.schema import MachineType
from vac_core.interfaces import MachineTypeError
from vac_core.model import Machine
from vac_lhcb.options import LhcbMachine, machine_options

PROXY = "x509proxy.pem"
_NAMES = {"proxy": (PROXY,), "hostcert": ("hostcert.pem", "hostkey.pem"), "none": ()}


def credential_names(options: LhcbMachine) -> tuple[str, ...]:
    """The files that a machine will look for."""
    return _NAMES[options.dirac_credential]


def source_of(machinetype: MachineType) -> ProxySource | None:
    """The certificate of a machinetype; None where it wants none. Raises `MachineTypeError`."""
    options = machine_options(machinetype)
    if options.dirac_credential == "none":
        return None
    kind = ProxyKind.LEGACY_LIMITED if machinetype.legacy_proxy else ProxyKind(options.dirac_proxy_kind)
    return ProxySource(
        certificate=_file(machinetype, "dirac_cert", options.dirac_cert),
        key=_file(machinetype, "dirac_key", options.dirac_key) if options.dirac_key else None,
        kind=kind,
        common_name=machinetype.name,
        margin=options.dirac_proxy_margin,
    )


def credential_files(machinetype: MachineType, machine: Machine, now: float) -> Mapping[str, bytes]:
    """The files that a machine finds, all secret, by name. Raises `CredentialError`, `MachineTypeError`."""
    source = source_of(machinetype)
    if source is None:
        return {}
    if machine_options(machinetype).dirac_credential == "hostcert":
        told = source.refusal(machinetype, now)
        if told:
            raise CredentialError(told)
        credential = source.read()
        return {"hostcert.pem": credential.chain_pem, "hostkey.pem": credential.key_pem}
    return {PROXY: source.proxy_for(machine, now)}


def _file(machinetype: MachineType, option: str, named: str) -> Path:
    try:
        return site_path(machinetype, named)
    except SiteFileError as error:
        raise MachineTypeError(f"machinetype {machinetype.name}, {option}: {error}") from error
