"""What a machine proves itself with: a proxy made for it, the site's own certificate, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vac_grid.source import ProxySource
from vac_grid.terms import CredentialError, ProxyKind

from vac_core.builtin.site_files import SiteFileError, site_path
from vac_core.config.schema import MachineType
from vac_core.interfaces import MachineTypeError
from vac_core.model import Machine
from vac_lhcb.options import LhcbMachine, machine_options
from vac_lhcb.secret_file import read_secret

PROXY = "x509proxy.pem"
DIRACX_FILE = "diracx-pilot-secret"
_NAMES = {"proxy": (PROXY,), "hostcert": ("hostcert.pem", "hostkey.pem"), "none": ()}


def credential_names(options: LhcbMachine) -> tuple[str, ...]:
    """The files that a machine will look for."""
    return _NAMES[options.dirac_credential] + ((DIRACX_FILE,) if options.diracx_pilot_secret_file else ())


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
    secret = pilot_secret(machinetype)
    try:
        return {**_certificates(machinetype, machine, now), **({DIRACX_FILE: secret} if secret else {})}
    except CredentialError as error:
        raise CredentialError(f"dirac_cert: {error}") from error


def _certificates(machinetype: MachineType, machine: Machine, now: float) -> Mapping[str, bytes]:
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


def pilot_secret(machinetype: MachineType) -> bytes:
    """The secret that DiracX is to know a pilot by; empty for none. Raises `CredentialError`, `MachineTypeError`."""
    named = machine_options(machinetype).diracx_pilot_secret_file
    if named is None:
        return b""
    path = _file(machinetype, "diracx_pilot_secret_file", named)
    try:
        return read_secret(path)
    except CredentialError as error:
        raise CredentialError(f"diracx_pilot_secret_file: {error}") from error


def secret_troubles(machinetype: MachineType) -> list[str]:
    """Why a machinetype's secret cannot be used now, with the mend."""
    try:
        pilot_secret(machinetype)
    except (CredentialError, MachineTypeError) as error:
        return [str(error)]
    return []


def credential_troubles(machinetype: MachineType, now: float) -> list[str]:
    """Why no machine can be given what it is to prove itself with, each with the mend. Raises `MachineTypeError`."""
    source = source_of(machinetype)
    told = source.refusal(machinetype, now) if source else ""
    return [*([f"dirac_cert: {told}"] if told else []), *secret_troubles(machinetype)]


def _file(machinetype: MachineType, option: str, named: str) -> Path:
    try:
        return site_path(machinetype, named)
    except SiteFileError as error:
        raise MachineTypeError(f"machinetype {machinetype.name}, {option}: {error}") from error
