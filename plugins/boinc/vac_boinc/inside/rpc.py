"""Speak to a BOINC client by its GUI RPC: XML requests and replies, each ended by an octet 3.

Its password is the first line of ``gui_rpc_auth.cfg`` (https://github.com/BOINC/boinc/wiki/GuiRpcProtocol).
"""

from __future__ import annotations

import hashlib
import socket
from xml.etree.ElementTree import Element, fromstring, tostring

_END = b"\003"
_MOST = 16 * 1048576


class RpcError(Exception):
    """The client did not do what it was asked."""


class Client:
    """One connection, on a socket that is connected; its replies come from a client of one's own."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def log_in(self, password: str) -> None:
        """Prove that one may tell the client what to do. Raises `RpcError`."""
        nonce = self.ask(Element("auth1")).findtext("nonce", "")
        proof = hashlib.md5((nonce + password).encode()).hexdigest()  # noqa: S324 - as the protocol wants it
        if self.ask(_element("auth2", nonce_hash=proof)).find("authorized") is None:
            raise RpcError("the client refuses the password in gui_rpc_auth.cfg")

    def ask(self, request: Element) -> Element:
        """Send a request, and return the reply. Raises `RpcError`, and `OSError` where the client is not there."""
        whole = Element("boinc_gui_rpc_request")
        whole.append(request)
        self._socket.sendall(tostring(whole, short_empty_elements=True).replace(b" />", b"/>") + b"\n" + _END)
        reply = bytearray()
        while not reply.endswith(_END):
            piece = self._socket.recv(65536)
            if not piece or len(reply) > _MOST:
                raise RpcError("the client's reply is not whole")
            reply += piece
        return fromstring(bytes(reply[:-1]).decode("utf-8", "replace"))  # noqa: S314 - one's own client wrote it

    def no_more_work(self, project_url: str) -> None:
        """Let the client fetch no more tasks of a project. Raises `RpcError`."""
        reply = self.ask(_element("project_nomorework", project_url=project_url))
        if reply.find("success") is None:
            raise RpcError(reply.findtext("error") or "the client does not say that it will fetch no more")


def _element(name: str, **texts: str) -> Element:
    made = Element(name)
    for inner, text in texts.items():
        child = Element(inner)
        child.text = text
        made.append(child)
    return made
