"""A site's account with a BOINC project: its URL, and the key that attaches hosts to it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vac_core.interfaces import PluginError
from vac_core.options import OptionValueError

_KEY: Final = re.compile(r"[0-9A-Za-z_]{16,128}", re.ASCII)
_KEY_MAX: Final = 4096
_OTHERS: Final = 0o077
_NOT_IN_NAMES: Final = re.compile(r"[^0-9A-Za-z._-]", re.ASCII)


def project_url(raw: str) -> str:
    """A project's master URL, as its web page gives it: the client finds no other."""
    url = raw.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise OptionValueError(f"'{url}' is no URL: {error}", "write the project's URL") from None
    if parts.scheme not in {"http", "https"} or parts.query or parts.fragment or parts.username is not None:
        raise OptionValueError(f"'{url}' is no project's URL", "write http:// or https://, a host, and a path")
    if "." not in host:
        raise OptionValueError(f"the host of '{url}' has no dot, and BOINC refuses it", "write its whole name")
    if not url.endswith("/"):
        raise OptionValueError(f"'{url}' does not end with a slash", f"write {url}/")
    return url


def account_file(url: str) -> str:
    """The name of the file in which the client looks for the account with a project."""
    return f"account_{_NOT_IN_NAMES.sub('_', url.partition('://')[2].rstrip('/'))}.xml"


def read_key(path: Path) -> str:
    """The account key in a file that nobody else can read. Raises `PluginError`, which never shows what is in it."""
    where = f"boinc_account_key_file {path}"
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise PluginError(f"{where}: it is not a plain file: name one that is")
            if mode & _OTHERS:
                raise PluginError(
                    f"{where}: others can read it (mode {mode & 0o777:04o}): chmod 600 it, and have a new key made"
                )
            raw = file.read(_KEY_MAX + 1)
    except OSError as error:
        raise PluginError(f"{where}: {error.strerror}: put it there, or mend its permissions") from None
    key = raw.decode("ascii", "replace").strip()
    if _KEY.fullmatch(key) is None:
        raise PluginError(f"{where}: it holds no account key: write the key alone, as the project's web page shows it")
    return key
