"""Distinguished names (DN) of signers, as the grid writes them."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

_SHORT: Final = {
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.USER_ID: "UID",
    NameOID.SERIAL_NUMBER: "serialNumber",
}


def dn_of(name: x509.Name) -> str:
    """A name as the grid writes it, ``/DC=ch/CN=name``; a slash in a value is doubled, so that none can pose."""
    parts = ((_SHORT.get(one.oid, one.oid.dotted_string), str(one.value)) for one in name)
    return "".join(f"/{key}={value.replace('/', '//')}" for key, value in parts)
