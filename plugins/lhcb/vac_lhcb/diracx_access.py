"""Where DiracX is, and by which token it is spoken to."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Final

import attrs

from vac_core.config.read import matching, optional
from vac_core.interfaces import PluginError
from vac_core.options import option

_TOKEN_MAX: Final = 65536
_TOKEN_BLOCK: Final = re.compile(r"-----BEGIN DIRACX-----(.*?)-----END DIRACX-----", re.DOTALL)


@attrs.frozen(kw_only=True)
class LhcbPlugin:
    """The [plugin lhcb] section."""

    diracx_url: str | None = option(
        "Where DiracX is; pilots are registered there where it is set.",
        optional(matching(r"https?://\S+", "a URL that starts with https:// or http://")),
        None,
    )
    diracx_token_file: str | None = option(
        "File with an access token for it, or a proxy that DIRAC has put one into.",
        optional(matching(r"/.+", "an absolute path")),
        None,
    )


def access_token(path: Path) -> str:
    """The token in a file: bare, or in a proxy as DIRAC keeps it. Raises `PluginError`; never shows it."""
    try:
        with path.open("rb") as file:
            text = file.read(_TOKEN_MAX).decode("ascii")
        block = _TOKEN_BLOCK.search(text)
        return str(json.loads(base64.b64decode(block[1]))["access_token"]) if block else text.strip()
    except OSError as error:
        raise PluginError(f"diracx_token_file: {path} cannot be read: {error.strerror}: put it there") from error
    except (ValueError, KeyError, TypeError):
        raise PluginError(f"diracx_token_file: {path} holds no token that can be read: renew it") from None
