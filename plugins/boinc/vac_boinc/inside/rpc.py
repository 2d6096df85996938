"""Speak to a BOINC client by its GUI RPC: XML requests and replies, each ended by an octet 3.

Its password is the first line of ``gui_rpc_auth.cfg`` (https://github.com/BOINC/boinc/wiki/GuiRpcProtocol). Whoever
answers may be no client at all: a reply has a limit and a deadline, and may declare no entities.
"""

from __future__ import annotations

import hashlib
import socket
import time
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

_END = b"\003"
_MOST = 16 * 1048576
_SECONDS = 60.0


class RpcError(Exception):
    """The client did not do what it was asked."""


class RefusedError(RpcError):
    """The client does not take the password."""


class Client:
    """One connection, on a socket that is connected. A reply takes so many seconds and octets at the most."""

    def __init__(self, connected: socket.socket, seconds: float = _SECONDS, most: int = _MOST) -> None:
        self._socket = connected
        self._seconds = seconds
        self._most = most

    def log_in(self, password: str) -> None:
        """Prove that one may tell the client what to do. Raises `RefusedError`, and what `ask` does."""
        nonce = self.ask(Element("auth1")).findtext("nonce", "")
        proof = hashlib.md5((nonce + password).encode()).hexdigest()  # noqa: S324 - as the protocol wants it
        if self.ask(element("auth2", nonce_hash=proof)).find("authorized") is None:
            raise RefusedError("the client refuses the password in gui_rpc_auth.cfg")

    def ask(self, request: Element) -> Element:
        """Send a request, and return the reply. Raises `RpcError`, and `OSError` where the client is not there."""
        whole = Element("boinc_gui_rpc_request")
        whole.append(request)
        end = time.monotonic() + self._seconds
        self._socket.settimeout(self._seconds)
        self._socket.sendall(tostring(whole, short_empty_elements=True).replace(b" />", b"/>") + b"\n" + _END)
        reply = bytearray()
        while not reply.endswith(_END):
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            piece = self._socket.recv(65536)
            if not piece or len(reply) + len(piece) > self._most:
                raise RpcError("the client's reply is not whole")
            reply += piece
        return _parsed(bytes(reply[:-1]))

    def tell(self, request: Element) -> None:
        """Have the client do something. Raises `RpcError` where it does not say that it did, and what `ask` does."""
        reply = self.ask(request)
        if reply.find("success") is None:
            why = " ".join(reply.findtext("error", "no reason").split())[:200]
            raise RpcError(f"the client does not do {request.tag}: {why}")

    def projects(self) -> list[str]:
        """The URLs of the projects that the client is attached to. Raises what `ask` does."""
        found = self.ask(Element("get_project_status")).findall("projects/project/master_url")
        return [one.text or "" for one in found]

    def no_more_work(self, project_url: str) -> None:
        """Let the client fetch no more tasks of a project. Raises what `tell` does."""
        self.tell(element("project_nomorework", project_url=project_url))


def _parsed(reply: bytes) -> Element:
    text = reply.decode("utf-8", "replace")
    if "<!DOCTYPE" in text:
        raise RpcError("the client's reply declares a document type")
    try:
        return fromstring(text)  # noqa: S314 - there is no document type in it, and so no entity
    except (ParseError, ValueError):
        raise RpcError("the client's reply is no XML") from None


def element(name: str, **texts: str) -> Element:
    """An element of others, each with its text."""
    made = Element(name)
    for inner, text in texts.items():
        child = Element(inner)
        child.text = text
        made.append(child)
    return made
