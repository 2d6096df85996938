"""What the site adds to a machine's context, as parts for cloud-init: a VO's own text is never changed for it.

The environment, and files that the context brings, come as a boothook: cloud-init runs it before anything else, and
it cannot collide with what a VO's cloud-config says. Root's key needs one word of configuration, which a VO's own goes
before.
"""

from __future__ import annotations

import base64
import email
import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from email.encoders import encode_base64
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Final

from vac_core.context.user_data_format import Format, UserData, recognise
from vac_core.interfaces import Context, ContextFile

PROFILE: Final = "/etc/profile.d/vac.sh"
"""Tells every login shell of a guest the environment."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE: Final = 76

_PUT: Final = """\
#cloud-boothook
#!/bin/sh
# What the host of this machine adds to its context. It is run at each boot, and changes nothing of the user data.
put() {
    mkdir -p "${2%/*}" && (umask 077 && base64 -d >"$2.vac") && chmod "$1" "$2.vac" && mv -f "$2.vac" "$2"
}
"""


def vendor_data(context: Context) -> bytes:
    """All additions as one MIME text, for data sources that have a place for it; empty where there are none."""
    parts = _parts(context)
    return _message(parts) if parts else b""


def joined(context: Context) -> bytes:
    """The user data with the additions as further parts; as it is where there are none.

    Raises `UserDataError` where it is compressed and cannot be unpacked.
    """
    parts = _parts(context)
    if not parts:
        return context.user_data
    found = recognise(context.user_data)
    return _message(parts if found.format is Format.EMPTY else [_vo_part(found), *parts])


def _parts(context: Context) -> list[Message]:
    environment = {name: value for name, value in context.environment.items() if _NAME.fullmatch(name)}
    parts: list[Message] = []
    if environment or context.files:
        parts.append(_text_part(Format.BOOTHOOK, _boothook(environment, context.files)))
    if context.public_keys:
        parts.append(_text_part(Format.CLOUD_CONFIG, f"#cloud-config\n{json.dumps({'disable_root': False})}\n"))
    return parts


def _boothook(environment: Mapping[str, str], files: Iterable[ContextFile]) -> str:
    words = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    profile = "".join(f"export {word}\n" for word in words)
    script = _PUT
    if environment:
        script += _put(ContextFile(path=PROFILE, content=profile.encode("utf-8", "surrogateescape")))
        script += "if command -v systemctl >/dev/null; then\n"
        script += (
            f"    systemctl set-environment {' '.join(map(shlex.quote, map('='.join, environment.items())))} || :\n"
        )
        script += "fi\n"
    return script + "".join(map(_put, files))


def _put(file: ContextFile) -> str:
    text = base64.b64encode(file.content).decode("ascii")
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([f"put {file.mode:04o} {shlex.quote(file.path)} <<'.'", *lines, ".", ""])


def _text_part(kind: Format, text: str) -> Message:
    return MIMEText(text, kind.value.partition("/")[2], "us-ascii" if text.isascii() else "utf-8")


def _vo_part(found: UserData) -> Message:
    if found.format is Format.MIME:
        return email.message_from_bytes(found.body)
    kind = "text/plain" if found.format is Format.UNKNOWN else found.format.value
    part = MIMEBase(*kind.split("/", 1))
    part.set_payload(found.body)
    encode_base64(part)
    return part


def _message(parts: Iterable[Message]) -> bytes:
    """The boundary is made from the parts themselves, so that none can hold it, and the same parts give the same."""
    parts = list(parts)
    drawn = hashlib.sha256(b"".join(part.as_bytes() for part in parts)).hexdigest()
    whole = MIMEMultipart(boundary=f"==vac-{drawn}==")
    for part in parts:
        whole.attach(part)
    return whole.as_bytes()
