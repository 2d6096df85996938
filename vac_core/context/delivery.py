"""The ways in which a virtual machine is handed its context, and what each of them takes for a guest to look there.

A table of facts: where cloud-init's data sources and CernVM's boot loader look, what makes them do so, and what they
cannot be given. See https://docs.cloud-init.io/en/latest/reference/datasources.html.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

import attrs

SERVICE: Final = "169.254.169.254"
"""Where guests look for metadata over HTTP, on port 80."""

EC2_USER_DATA_MAX: Final = 16384
"""Octets of user data that EC2 takes, so that more is not portable."""


@attrs.frozen(kw_only=True)
class Delivery:
    """One way."""

    name: str
    label: str = ""
    """Of the seed image; empty where there is none."""
    on_image: Mapping[str, str] = attrs.field(factory=dict)
    """Which directories of the metadata tree are on that image, and under which names; an empty one is its root."""
    over_http: bool = False
    """Whether a guest finds nothing unless the service is there at `SERVICE`."""
    cloud_init_only: bool = True
    """Whether nobody but cloud-init reads it."""
    has_vendor_data: bool = True
    """Whether there is a place for what the site adds; else it is joined to the user data as a MIME part."""
    user_data_max: int | None = None
    """Octets."""
    id_prefix: str = ""
    """What a machine's id must begin with, as it is its system UUID too."""
    smbios: Mapping[str, str] = attrs.field(factory=dict)
    """Entries of the SMBIOS system block, by libvirt's names; ``{id}`` stands for the machine's id."""

    def smbios_of(self, machine_id: str) -> dict[str, str]:
        """The entries for one machine."""
        return {name: value.format(id=machine_id) for name, value in self.smbios.items()}

    def machine_id(self, drawn: uuid.UUID) -> str:
        """A machine's id from a random UUID: still one of version 4, with most of what is random in it."""
        text = str(drawn)
        return self.id_prefix + text[len(self.id_prefix) :]


_DRIVE: Final = {"openstack": "openstack", "ec2": "ec2"}

DELIVERIES: Final[Mapping[str, Delivery]] = {
    one.name: one
    for one in (
        Delivery(name="nocloud", label="cidata", on_image={"nocloud": ""}),
        Delivery(name="configdrive", label="config-2", on_image=_DRIVE),
        Delivery(name="nocloud-net", over_http=True, smbios={"serial": f"ds=nocloud-net;s=http://{SERVICE}/nocloud/"}),
        Delivery(
            name="openstack",
            over_http=True,
            smbios={"manufacturer": "OpenStack Foundation", "product": "OpenStack Compute"},
        ),
        Delivery(
            name="ec2",
            over_http=True,
            has_vendor_data=False,
            user_data_max=EC2_USER_DATA_MAX,
            id_prefix="ec2",
            smbios={"serial": "{id}"},
        ),
        # Its boot loader looks for a config drive before anything else; amiconfig asks EC2's service as well.
        Delivery(name="cernvm", label="config-2", on_image=_DRIVE, cloud_init_only=False, has_vendor_data=False),
    )
}
