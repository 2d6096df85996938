"""How a domain is known to be a machine of this factory: an element of our own in its metadata.

A name or a UUID proves nothing: others may use them. A domain without our mark is another's, and is left alone.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Any, Final

import attrs
import libvirt

NAMESPACE: Final = "urn:vac:libvirt:machine:1"
PREFIX: Final = "vac"
_MACHINE: Final = f"{{{NAMESPACE}}}machine"
_PROBE: Final = f"{{{NAMESPACE}}}probe"

ET.register_namespace(PREFIX, NAMESPACE)


@attrs.frozen(kw_only=True)
class Mark:
    """Whose a domain is. ``machine_id`` is empty for the small guest that tries KVM."""

    space: str
    factory: str
    machine_id: str = ""

    def same_owner(self, other: Mark) -> bool:
        """Whether both are of one factory."""
        return (self.space, self.factory) == (other.space, other.factory)

    def element(self) -> ET.Element:
        """As it stands in a domain's ``<metadata>``."""
        owner = {"space": self.space, "factory": self.factory}
        return ET.Element(_MACHINE, owner | {"id": self.machine_id}) if self.machine_id else ET.Element(_PROBE, owner)


def mark_of(domain: Any) -> Mark | None:
    """The mark of a libvirt domain; None where it has none, or has ended. Raises libvirtError for other trouble."""
    try:
        raw = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
    except libvirt.libvirtError as error:
        if error.get_error_code() in {libvirt.VIR_ERR_NO_DOMAIN_METADATA, libvirt.VIR_ERR_NO_DOMAIN}:
            return None
        raise
    return read_mark(raw)


def read_mark(raw: str) -> Mark | None:
    """Read the element as libvirt gives it back: its namespace prefix is gone, or another."""
    try:
        element = ET.fromstring(raw)  # noqa: S314 - libvirt gives back what root or we ourselves put there
    except ET.ParseError:
        return None
    kind = element.tag.rpartition("}")[2]
    space, factory, machine_id = (element.get(name, "") for name in ("space", "factory", "id"))
    if not space or not factory or (kind, bool(machine_id)) not in {("machine", True), ("probe", False)}:
        return None
    return Mark(space=space, factory=factory, machine_id=machine_id)


@attrs.define
class Marks:
    """Marks of running domains, each asked of libvirt once in a domain's life."""

    _known: dict[tuple[str, int], Mark | None] = attrs.field(factory=dict)

    def of_all(self, domains: Iterable[Any]) -> dict[str, Mark]:
        """By UUID, the marks of those that have one, out of all the domains that run now."""
        known, self._known = self._known, {}
        for domain in domains:
            key = (domain.UUIDString(), domain.ID())
            self._known[key] = known[key] if key in known else mark_of(domain)
        return {uuid: mark for (uuid, _), mark in self._known.items() if mark is not None}
