"""``vac grid``: commands that only grid sites need."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from vac_core.cli.display import say
from vac_core.cli.invocation import examples
from vac_core.cli.trouble import Trouble
from vac_grid.source import moment
from vac_grid.terms import CredentialError, ProxyKind

_FILE = click.Path(dir_okay=False, path_type=Path)
_KIND = click.Choice([str(kind) for kind in ProxyKind])
_HOUR = 3600.0


@click.group(epilog=examples("vac grid proxy-init --cert hostcert.pem --key hostkey.pem --out proxy.pem"))
def grid() -> None:
    """What only grid sites need: proxies."""


@grid.command(
    "proxy-init",
    epilog=examples(
        "vac grid proxy-init --cert hostcert.pem --key hostkey.pem --out proxy.pem",
        "vac grid proxy-init --cert pilot-proxy.pem --hours 24 --kind rfc --out proxy.pem",
    ),
)
@click.option("--cert", required=True, type=_FILE, help="Certificate, or a proxy, to make one from.")
@click.option("--key", type=_FILE, help="Its key, where it is in a file apart.")
@click.option("--out", required=True, type=_FILE, help="Where to write the proxy; the file will have mode 0600.")
@click.option("--hours", default=12.0, show_default=True, type=click.FloatRange(min=0.01), help="How long it lives.")
@click.option(
    "--kind", default=str(ProxyKind.RFC_LIMITED), show_default=True, type=_KIND, help="What it may do, and its form."
)
@click.option("--cn", default="", help="The name that is added to the subject. [default: its serial number]")
@click.option("--bits", default=2048, show_default=True, type=click.IntRange(2048, 8192), help="Size of its key.")
def proxy_init(*, cert: Path, key: Path | None, out: Path, hours: float, kind: str, cn: str, bits: int) -> None:
    """Make an X.509 proxy, as machines are given one."""
    from vac_grid.credential import read_credential  # noqa: PLC0415 - its library is large, and of use only now
    from vac_grid.proxy import make_proxy  # noqa: PLC0415 - as above

    now = time.time()
    expires = moment(now + hours * _HOUR)
    try:
        source = read_credential(cert, key)
        proxy = make_proxy(
            source, common_name=cn, expires=expires, now=moment(now), kind=ProxyKind(kind), key_bits=bits
        )
        _write_secret(out, proxy)
    except (CredentialError, OSError) as error:
        raise Trouble(str(error)) from error
    say(f"{out}: a {kind} proxy of {source.subject}, until {expires:%Y-%m-%d %H:%M} UTC")


def _write_secret(path: Path, content: bytes) -> None:
    """Put a file in its place whole, at no moment to be read by others."""
    being_written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(being_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
        ) as file:
            file.write(content)
        being_written.replace(path)
    finally:
        being_written.unlink(missing_ok=True)
