"""Signatures that have been verified already, so that what is wrong with one is told before a machine is promised.

To verify an image takes as long as to read it, so it is done in a thread, and what was found is believed for a while:
an authority may be installed, or revoke a certificate. A machine's creation verifies once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from vac_core.images.background import Background
from vac_core.interfaces import PluginError
from vac_libvirt.options import CERTIFICATES

if TYPE_CHECKING:
    from vac_libvirt.cernvm_image import Signed

_BELIEVED_SECONDS: Final = 3600.0
_REFUSED_SECONDS: Final = 300.0
_MOST: Final = 256


def _nobody() -> None:
    """Who is told where nobody is."""


@attrs.frozen
class _Question:
    """One file as it is now, and who must have signed it. Its times do not count: the cache touches what is of use."""

    path: Path
    signing_dn: str
    inode: int
    size: int

    @classmethod
    def of(cls, path: Path, signing_dn: str) -> _Question:
        stat = path.stat()
        return cls(path, signing_dn, stat.st_ino, stat.st_size)


class Signatures:
    """Verifies signatures against the authorities in one directory."""

    def __init__(
        self,
        certificates: Path = CERTIFICATES,
        *,
        changed: Callable[[], None] = _nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._certificates = certificates
        self._clock = clock
        self._found: dict[_Question, tuple[float, str]] = {}
        self._background: Background[_Question] = Background(self._find, changed)

    def verify(self, path: Path, signing_dn: str) -> Signed:
        """Verify an image now; raises `vac_libvirt.cernvm_image.SignatureError`."""
        from vac_libvirt.cernvm_image import verify  # noqa: PLC0415 - what it needs is large, and few sites verify

        return verify(path, signing_dn, self._certificates)

    def look(self, path: Path, signing_dn: str) -> str:
        """What is wrong with an image's signature; empty for nothing. What is not known is found in a thread."""
        question = _Question.of(path, signing_dn)
        found = self._found.get(question)
        if found is None or found[0] <= self._clock():
            self._background.ask(question)
        return f"the signature of {path} is being verified" if found is None else found[1]

    def _find(self, question: _Question) -> None:
        why = ""
        try:
            self.verify(question.path, question.signing_dn)
        except PluginError as error:
            why = str(error)
        while len(self._found) >= _MOST:
            self._found.pop(next(iter(self._found)))
        self._found[question] = (self._clock() + (_REFUSED_SECONDS if why else _BELIEVED_SECONDS), why)
