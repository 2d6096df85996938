"""The contextualiser ``grid``: the core's templates of user_data, with an X.509 proxy for each machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vac_core.builtin.site_files import SiteFileError, site_path
from vac_core.builtin.user_data import UserData
from vac_core.config.schema import MachineType
from vac_core.interfaces import ContextRequest, MachineTypeError, PluginError
from vac_core.powers import Resources
from vac_grid.source import ProxySource
from vac_grid.terms import CredentialError, ProxyKind

_USUAL: Final = "x509"
_OPTION: Final = "user_data_proxy"


class GridUserData(UserData):
    """Fills ``##user_data_option_x509_proxy##`` in, as Vac 3 does where ``user_data_proxy`` is set."""

    name = "grid"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """Besides files that are not there: certificates that expire within days."""
        source = _source(machinetype)
        told = source.warning(machinetype, self._clock()) if source else ""
        return [*super().missing(machinetype), *([f"{_OPTION}: {told}"] if told else [])]

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """Refuse those machinetypes for whose proxies the certificate will not do."""
        now = self._clock()
        told = {one.name: source.refusal(one, now) for one in machinetypes if (source := _source(one))}
        return Resources(refusals={name: f"{_OPTION}: {why}" for name, why in told.items() if why})

    def proxy_problems(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the name that ``user_data_proxy`` gives."""
        try:
            _source(machinetype)
        except MachineTypeError as error:
            return [str(error)]
        return []

    def own_values(self, request: ContextRequest) -> Mapping[str, str]:
        """The machine's proxy. Raises `PluginError` where none can be made."""
        source = _source(request.machinetype)
        if source is None:
            return {}
        try:
            proxy = source.proxy_for(request.machine, self._clock())
        except CredentialError as error:  # not for good: it may yet be renewed
            raise PluginError(f"machinetype {request.machinetype.name}, {_OPTION}: {error}") from error
        return {"option_x509_proxy": proxy.decode("ascii")}


def _source(machinetype: MachineType) -> ProxySource | None:
    """``yes`` is for x509cert.pem and x509key.pem among the machinetype's files, NAME for NAMEcert.pem and so on."""
    if machinetype.user_data_proxy is None:
        return None
    name = _USUAL if machinetype.user_data_proxy == "yes" else machinetype.user_data_proxy
    kind = ProxyKind.LEGACY_LIMITED if machinetype.legacy_proxy else ProxyKind.RFC_LIMITED
    certificate, key = (_file(machinetype, f"{name}{part}.pem") for part in ("cert", "key"))
    return ProxySource(certificate=certificate, key=key, kind=kind, common_name=machinetype.name)


def _file(machinetype: MachineType, name: str) -> Path:
    if "/" in name:
        raise MachineTypeError(
            f"machinetype {machinetype.name}, {_OPTION}: '{name}' may hold no '/': write a bare name"
        )
    try:
        return site_path(machinetype, name)
    except SiteFileError as error:
        raise MachineTypeError(f"machinetype {machinetype.name}, {_OPTION}: {error}") from error
