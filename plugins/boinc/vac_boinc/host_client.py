"""Asking the BOINC client that the host's owner runs, by its GUI RPC: how it stands, and to rest for a while."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from vac_boinc.inside.rpc import Client, RefusedError, RpcError, element
from vac_core.interfaces import PluginError
from vac_core.secret_files import EVERYBODY, SecretFileError, read_secret_file

SECONDS: Final = 5.0
"""How long each answer may take."""
_MOST_OCTETS: Final = 65536
_PASSWORD_OCTETS: Final = 256
"""The client's group may read its password, as on Debian."""
_MODES: Final = {"1": "always", "2": "auto", "3": "never"}
"""RUN_MODE_ALWAYS and so on, in BOINC's lib/common_defs.h."""


@attrs.frozen
class Status:
    """Whether a client may compute."""

    mode: str
    """``always``, ``auto`` for as its preferences say, or ``never``."""
    left: float
    """How many seconds that holds yet; 0 where it holds for good."""


@attrs.frozen
class HostClient:
    """A client to which one is connected, and which takes one's password."""

    _client: Client

    def status(self) -> Status:
        """How it stands. Raises `RpcError`."""
        told = self._client.ask(element("get_cc_status"))
        try:
            mode = _MODES[told.findtext("cc_status/task_mode", "").strip()]
            return Status(mode, float(told.findtext("cc_status/task_mode_delay", "")))
        except (KeyError, ValueError):
            raise RpcError("its status is not that of a BOINC client") from None

    def rest(self, seconds: float) -> None:
        """Let it compute nothing for so long; then it goes on by itself. Raises `RpcError`."""
        self._client.tell(element("set_run_mode", never="", duration=f"{seconds:.3f}"))

    def go_on(self) -> None:
        """Let it do again what its owner has set for good. Raises `RpcError`."""
        self._client.tell(element("set_run_mode", restore="", duration="0"))


@contextmanager
def connected(address: str, password_file: str) -> Iterator[HostClient]:
    """Speak with the client at HOST:PORT. Raises `PluginError`, with the mend, for whatever goes wrong meanwhile."""
    password = read_password(Path(password_file))
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), SECONDS) as connection:
            client = Client(connection, SECONDS, _MOST_OCTETS)
            client.log_in(password)
            yield HostClient(client)
    except RefusedError:
        mend = "name the gui_rpc_auth.cfg in its data directory, and restart it if that was changed"
        raise PluginError(f"host_client {address}: it refuses the password in {password_file}: {mend}") from None
    except RpcError as error:
        raise PluginError(f"host_client {address}: {error}: see that it is BOINC's client that listens there") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise PluginError(f"host_client {address}: {why}: start BOINC's client, or take the option out") from None


def read_password(path: Path) -> str:
    """The first line of a gui_rpc_auth.cfg. Raises `PluginError`, which never shows what is in it."""
    try:
        raw = read_secret_file(path, _PASSWORD_OCTETS, closed_to=EVERYBODY)
    except SecretFileError as error:
        raise PluginError(f"host_client_password_file: {error}") from None
    return raw.decode("utf-8", "replace").partition("\n")[0].strip()
