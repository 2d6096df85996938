"""``vac cernvm-signature``: who signed an image of CernVM, and whether it is still what they signed."""

from __future__ import annotations

from pathlib import Path

import click

from vac_core.cli.display import say, show_json
from vac_core.cli.invocation import examples
from vac_core.cli.trouble import Trouble
from vac_libvirt.options import CERTIFICATES


@click.command(
    "cernvm-signature",
    epilog=examples(
        "vac cernvm-signature ucernvm-prod.iso",
        r"vac cernvm-signature --signing-dn '/CN=cvm-sign01\.cern\.ch$' ucernvm-prod.iso",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--signing-dn", default=".*", metavar="PATTERN", help="Whose signature it must be, as image_signing_dn.")
@click.option(
    "--certificates",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    default=CERTIFICATES,
    show_default=True,
    help="Where the authorities are that are believed.",
)
@click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")
def cernvm_signature(file: Path, signing_dn: str, certificates: Path, as_json: bool) -> None:
    """Verify the signature of FILE, an image of CernVM, as it is verified before a machine is made of it.

    Exits with 1 where it is refused.
    """
    from vac_libvirt.cernvm_image import SignatureError, verify  # noqa: PLC0415 - other commands are quick without

    try:
        signed = verify(file, signing_dn, certificates)
    except SignatureError as error:
        raise Trouble(str(error)) from None
    if as_json:
        show_json({"dn": signed.dn, "sha256": signed.sha256, "facts": signed.facts})
        return
    say(f"signed by {signed.dn}")
    for name, value in signed.facts.items():
        say(f"{name}: {value}")
