"""What a machinetype's proxies are made from, how long that will do, and what to say when it will not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from vac_core.config.schema import MachineType
from vac_core.model import Machine
from vac_grid.terms import CredentialError, ProxyKind

if TYPE_CHECKING:
    from vac_grid.credential import Credential

WARNING_DAYS: Final = 7
"""How long beforehand it is told that a source expires; for one of a short life, half of that."""
_DAY: Final = 86400.0


@attrs.frozen(kw_only=True)
class ProxySource:
    """A certificate and key, or a proxy, in files; and the proxies that are wanted of it."""

    certificate: Path
    key: Path | None = None
    """None where the certificate's file has the key too."""
    kind: ProxyKind = ProxyKind.RFC_LIMITED
    common_name: str = ""
    """Added to the subject; the serial number where it is empty."""
    key_bits: int = 2048
    margin: float = 0.0
    """Seconds that a proxy outlives its machine."""

    def read(self) -> Credential:
        """The credential as it is in its files now. Raises `CredentialError`."""
        from vac_grid.credential import read_credential  # noqa: PLC0415 - its library is large, and of use only now

        return read_credential(self.certificate, self.key)

    def proxy_for(self, machine: Machine, now: float) -> bytes:
        """A proxy that lives as long as a machine may. Raises `CredentialError`."""
        from vac_grid.proxy import make_proxy  # noqa: PLC0415 - as in read

        return make_proxy(
            self.read(),
            common_name=self.common_name,
            expires=moment(machine.shutdown_time + self.margin),
            now=moment(now),
            kind=self.kind,
            key_bits=self.key_bits,
        )

    def refusal(self, machinetype: MachineType, now: float) -> str:
        """Why no machine of a type can have a proxy now, with the mend; empty where it can."""
        try:
            return self._too_short(self.read(), machinetype, now)
        except CredentialError as error:
            return str(error)

    def warning(self, machinetype: MachineType, now: float) -> str:
        """What will keep machines of a type from having proxies, now or within days; empty where nothing will."""
        try:
            credential = self.read()
        except CredentialError as error:
            return str(error)
        left = (credential.expires - moment(now)).total_seconds() - self._needed(machinetype)
        begun = credential.chain[0].not_valid_before_utc
        notice = min(WARNING_DAYS * _DAY, (credential.expires - begun).total_seconds() / 2)
        if left < 0:
            return self._too_short(credential, machinetype, now)
        if left < notice:
            return (
                f"{credential.where} expires at {credential.expires:%Y-%m-%d %H:%M} UTC, "
                f"and no machine can be made from {left / _DAY:.1f} days on: renew it"
            )
        return ""

    def _needed(self, machinetype: MachineType) -> float:
        return machinetype.max_wallclock_seconds + self.margin

    def _too_short(self, credential: Credential, machinetype: MachineType, now: float) -> str:
        needed = self._needed(machinetype)
        if credential.expires >= moment(now + needed):
            return ""
        expiry = f"{credential.where} {'expired' if credential.expires < moment(now) else 'expires'}"
        return (
            f"{expiry} at {credential.expires:%Y-%m-%d %H:%M} UTC, and a machine needs it for {needed:.0f} s: "
            "renew it, or lower max_wallclock_seconds"
        )


def moment(seconds: float) -> dt.datetime:
    """A time in Unix seconds as certificates have it."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
