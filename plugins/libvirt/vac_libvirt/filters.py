"""Keeping our nwfilters defined as they should be, with as little disturbance of running machines as can be."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import libvirt

from vac_core.interfaces import PluginError
from vac_libvirt.filter_xml import BORROWED, Walls, filter_uuid, filters


class Filters:
    """What was last defined, and how libvirt shows it: only what changed since is defined again."""

    def __init__(self) -> None:
        self._defined: dict[str, tuple[str, str]] = {}

    def ensure(self, connection: Any, walls: Walls, *, may_mend: bool) -> None:
        """Define what is missing or was changed; running machines get the new rules at once.

        Raises `PluginError` where a filter is another's, or is missing and may not be made; libvirtError for the rest.
        """
        if not _has_filters(connection):
            return
        for name in BORROWED:
            if _found(connection, name) is None:
                raise PluginError(
                    f"libvirt has no nwfilter {name}: install libvirt's own filters "
                    "(Debian: libvirt-daemon-system, Red Hat: libvirt-daemon-config-nwfilter)"
                )
        for name, element in filters(walls).items():
            self._ensure_one(connection, name, ET.tostring(element, "unicode"), may_mend=may_mend)

    def _ensure_one(self, connection: Any, name: str, wanted: str, *, may_mend: bool) -> None:
        there = _found(connection, name)
        if there is not None and there.UUIDString() != filter_uuid(name):
            raise PluginError(
                f"the nwfilter {name} is not Vac's: rename it, or remove it with virsh nwfilter-undefine {name}"
            )
        if not may_mend:
            if there is None:
                raise PluginError(f"the nwfilter {name} is missing, and fix_networking is no: let Vac make it once")
            return
        if there is None or self._defined.get(name) != (wanted, there.XMLDesc(0)):
            made = connection.nwfilterDefineXML(wanted)
            self._defined[name] = (wanted, made.XMLDesc(0))


def _has_filters(connection: Any) -> bool:
    """libvirt's test driver has none, and no traffic; any other refuses machines that ask for what it does not have."""
    try:
        connection.numOfNWFilters()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return False
        raise
    return True


def _found(connection: Any, name: str) -> Any:
    try:
        return connection.nwfilterLookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_NWFILTER:
            return None
        raise
