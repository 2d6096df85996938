"""A BOINC account manager of the tests' own, which tells the real client what projects to work for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from xml.etree.ElementTree import Element, SubElement, fromstring, indent, tostring

import attrs
from boinc_project import fill, served
from boinc_signing import SigningKey

LOGIN = "vac@example.org"
PASSWORD_HASH = hashlib.md5(b"a password" + LOGIN.encode()).hexdigest()
BAD_PASSWORD = -206
"""ERR_BAD_PASSWD of lib/error_numbers.h."""


@attrs.define
class Manager:
    """What it hands out, and who has asked."""

    accounts: dict[str, str] = attrs.field(factory=dict)
    """Keys of accounts by the projects' URLs."""
    key: SigningKey = attrs.field(factory=SigningKey)
    hosts: list[str] = attrs.field(factory=list)
    """The host that each request said it came from, by its cpid."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def reply(self, request: Element) -> Element:
        """The reply to a request of a client's."""
        reply = Element("acct_mgr_reply")
        fill(reply, name="Fake manager", signing_key=self.key.public(), repeat_sec=86400)
        if (request.findtext("name"), request.findtext("password_hash")) != (LOGIN, PASSWORD_HASH):
            fill(reply, error_num=BAD_PASSWORD)
            return reply
        self.hosts.append(request.findtext("host_cpid", ""))
        for url, key in self.accounts.items():
            signature = self.key.signature(url.encode())
            fill(SubElement(reply, "account"), url=url, url_signature=signature, authenticator=key)
        return reply


class _Door(BaseHTTPRequestHandler):
    manager: Manager

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = self.path == "/rpc.php"
        reply = self.manager.reply(fromstring(body)) if found else Element("none")
        indent(reply)
        content = tostring(reply).replace(b" />", b"/>") + b"\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Print nothing: the manager keeps what it was told."""


@contextmanager
def manager() -> Iterator[Manager]:
    """An account manager that is served."""
    one = Manager()
    with served(type("Door", (_Door,), {"manager": one})) as one.port:
        yield one
