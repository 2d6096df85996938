"""Building XML elements."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def add(parent: ET.Element, tag: str, *, text: str = "", **attributes: str) -> ET.Element:
    """Add a child and return it.

    Raises ValueError for text with characters that XML cannot hold at all, such as NUL: the library would write them,
    and libvirt refuse the whole.
    """
    for value in (text, *attributes.values()):
        if _NOT_XML.search(value):
            raise ValueError(f"{value!r} for {tag} has a character that XML cannot hold: take it out")
    child = ET.SubElement(parent, tag, attributes)
    child.text = text or None
    return child
