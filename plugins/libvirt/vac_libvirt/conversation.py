"""Joining a terminal to a machine's console stream."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from collections.abc import Iterator
from typing import Any, Final

import libvirt

ESCAPE: Final = b"\x1d"
"""Ctrl-], which no shell or editor wants."""

_CHUNK: Final = 4096
_PARTING_SECONDS: Final = 1.0


@contextlib.contextmanager
def raw_terminal(descriptor: int) -> Iterator[None]:
    """Pass on each key as it is pressed, Ctrl-C too; put the terminal back in the end. Nothing if it is none."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSANOW)  # what was typed ahead is kept
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def converse(stream: Any, given: int, shown: int) -> bool:
    """Pass on octets both ways until the machine ends, or the escape key is read; whether it was the machine.

    ``given`` is read from and ``shown`` written to. When ``given`` comes to its end, what the machine says is shown on.
    """
    ended, at_end = os.pipe()
    reader = threading.Thread(target=_show, args=(stream, shown, at_end), name="vac-console", daemon=True)
    reader.start()
    try:
        escaped = _pass_on(stream, given, ended)
        with contextlib.suppress(libvirt.libvirtError):
            stream.abort()
    finally:
        reader.join(_PARTING_SECONDS)
        os.close(ended)
    return not escaped


def _show(stream: Any, shown: int, at_end: int) -> None:
    with contextlib.suppress(libvirt.libvirtError, OSError):
        while said := stream.recv(_CHUNK):
            os.write(shown, said)
    os.close(at_end)


def _pass_on(stream: Any, given: int, ended: int) -> bool:
    """Send what is given; whether the escape key ended it."""
    sources = [given, ended]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if ended in ready:
            return False
        typed = os.read(given, _CHUNK)
        before, escape, _ = typed.partition(ESCAPE)
        if not typed:
            sources.remove(given)
        try:
            while before:
                before = before[stream.send(before) :]
        except libvirt.libvirtError:
            return False  # the machine has ended meanwhile
        if escape:
            return True
