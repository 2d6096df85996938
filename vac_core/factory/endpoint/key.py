"""The space's shared key, read from its file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from vac_core.interfaces import PluginError
from vac_core.vacquery.signing import LEAST_KEY_OCTETS

_KEY_MAX: Final = 4096


def read_key(path: str | None) -> bytes | None:
    """The key in a file, white space around it removed; None for no file. Raises `PluginError` with the mend."""
    if path is None:
        return None
    where = f"vacquery_key_file {path}"
    try:
        mode = Path(path).stat().st_mode
        with Path(path).open("rb") as opened:
            key = opened.read(_KEY_MAX + 1).strip()
    except OSError as error:
        raise PluginError(f"{where} cannot be read: {error.strerror}: make it, or mend the option") from error
    if not stat.S_ISREG(mode) or mode & stat.S_IRWXO:
        raise PluginError(f"{where} must be a file that others cannot read: run chmod 600 {path}")
    if not LEAST_KEY_OCTETS <= len(key) <= _KEY_MAX:
        raise PluginError(
            f"{where} holds {len(key)} octets, and a key has {LEAST_KEY_OCTETS} to {_KEY_MAX}: "
            "make one with 'openssl rand -hex 32' and copy it to all factories of the space"
        )
    return key
