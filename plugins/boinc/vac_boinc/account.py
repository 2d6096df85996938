"""A site's account with a BOINC project or an account manager: its URL, and the secret that attaches hosts to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from vac_core.interfaces import PluginError
from vac_core.options import OptionValueError
from vac_core.secret_files import SecretFileError, read_secret_file

_SECRET_MAX: Final = 4096
_NOT_IN_NAMES: Final = re.compile(r"[^0-9A-Za-z._-]", re.ASCII)


@attrs.frozen
class Secret:
    """What a file holds that nobody but the factory may read."""

    option: str
    """The option that names the file."""
    name: str
    pattern: re.Pattern[str]
    how: str
    """What the file is to hold."""
    new: str
    """What to do about one that others have seen."""


KEY: Final = Secret(
    "boinc_account_key_file",
    "account key",
    re.compile(r"[0-9A-Za-z_]{16,128}", re.ASCII),
    "write the key alone, as the project's web page shows it",
    "have a new key made",
)
PASSWORD_HASH: Final = Secret(
    "boinc_account_manager_password_hash_file",
    "password hash",
    re.compile(r"[0-9a-f]{32}", re.ASCII),
    "write the 32 digits alone of the MD5 of the password with the login, in lower case, after it",
    "change the password",
)


@attrs.frozen
class Account:
    """Whom the client turns to: a project, or an account manager that names projects to it."""

    url: str
    secret: Secret
    file: Path
    """Where the secret is."""
    login: str = ""
    """At an account manager; at a project the key says who it is."""

    @property
    def at_manager(self) -> bool:
        """Whether it is an account manager's."""
        return self.secret is PASSWORD_HASH


def master_url(whose: str) -> Callable[[str], str]:
    """A reader of the URL of a project or an account manager, as its web page gives it: the client finds no other."""

    def read(raw: str) -> str:
        url = raw.strip()
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            raise OptionValueError(f"'{url}' is no URL: {error}", f"write the {whose}'s URL") from None
        if parts.scheme not in {"http", "https"} or parts.query or parts.fragment or parts.username is not None:
            raise OptionValueError(f"'{url}' is no {whose}'s URL", "write http:// or https://, a host, and a path")
        if "." not in host:
            raise OptionValueError(f"the host of '{url}' has no dot, and BOINC refuses it", "write its whole name")
        if not url.endswith("/"):
            raise OptionValueError(f"'{url}' does not end with a slash", f"write {url}/")
        return url

    return read


project_url: Final = master_url("project")
manager_url: Final = master_url("account manager")


def account_file(url: str) -> str:
    """The name of the file in which the client looks for the account with a project."""
    return f"account_{_NOT_IN_NAMES.sub('_', url.partition('://')[2].rstrip('/'))}.xml"


def read_secret(secret: Secret, path: Path) -> str:
    """What is in a file that nobody else can read. Raises `PluginError`, which never shows what is in it."""
    try:
        raw = read_secret_file(path, _SECRET_MAX + 1)
    except SecretFileError as error:
        raise PluginError(f"{secret.option}: {error}{f', and {secret.new}' if error.seen else ''}") from None
    found = raw.decode("ascii", "replace").strip()
    if secret.pattern.fullmatch(found) is None:
        raise PluginError(f"{secret.option}: {path} holds no {secret.name}: {secret.how}")
    return found
