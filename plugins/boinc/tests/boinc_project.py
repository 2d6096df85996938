"""A BOINC project of the tests' own: an HTTP server that the real client attaches to, asks, and reports to."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, indent, tostring

import attrs
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = "1_0123456789abcdef0123456789abcdef"
"""A weak account key, which is good for attaching hosts only."""
PLATFORM = "x86_64-pc-linux-gnu"
_KEY_BITS = 1024
_HEX_PER_LINE = 64
WORKS = "echo done >out; echo 0 >boinc_finish_called"
FAILS = "echo 1 >boinc_finish_called; exit 1"
NO_SUB_TASKS = "echo 207 >boinc_finish_called; exit 207"
LASTS = "sleep 600; echo done >out; echo 0 >boinc_finish_called"


def _lines(octets: bytes) -> str:
    told = octets.hex()
    return "".join(f"{told[at : at + _HEX_PER_LINE]}\n" for at in range(0, len(told), _HEX_PER_LINE)) + ".\n"


@attrs.define
class Project:
    """What it offers and what it was told."""

    host: str = "127.0.0.1"
    port: int = 0
    tasks: list[str] = attrs.field(factory=list)
    """Shell lines of the tasks that are still to be given out."""
    signs_badly: bool = False
    reported: list[tuple[str, int, int]] = attrs.field(factory=list)
    """Name, state and exit status of each result that was reported."""
    proxied: int = 0
    """Requests that came as to a proxy."""
    name: str = ""
    """The host in its URL, where that is another than the one that is listened on."""
    uploaded: list[str] = attrs.field(factory=list)
    hosts: list[str] = attrs.field(factory=list)
    """The host that each request said it came from, by its cpid."""
    key: rsa.RSAPrivateKey = attrs.field(
        factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS), repr=False
    )
    apps: dict[str, bytes] = attrs.field(factory=dict)
    changed: threading.Condition = attrs.field(factory=threading.Condition, repr=False)
    _given: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.name}/" if self.name else f"http://{self.host}:{self.port}/"

    def wait_for(self, holds: object, seconds: float = 120.0) -> None:
        """Wait until something that was told makes this hold."""
        with self.changed:
            assert self.changed.wait_for(holds, seconds), self  # type: ignore[arg-type]

    def scheduled(self, request: Element) -> Element:
        """The reply to a scheduler RPC."""
        reply = Element("scheduler_reply")
        _fill(reply, scheduler_version=713, master_url=self.url, project_name="Fake", request_delay=1)
        if request.findtext("authenticator") != KEY:
            message = SubElement(reply, "message", priority="notice")
            message.text = "Invalid or missing account key.  To fix, remove and add this project."
            return reply
        with self.changed:
            self.hosts.append(request.findtext("host_info/host_cpid", ""))
            _fill(reply, user_name="vac")
            if int(request.findtext("hostid", "0")) == 0:  # told only to those that do not know it yet
                _fill(reply, hostid=sorted(set(self.hosts)).index(self.hosts[-1]) + 1)
            if not request.findtext("code_sign_key", "").strip():
                _fill(reply, code_sign_key=self._public_key())
            for result in request.findall("result"):
                name = result.findtext("name", "")
                status = int(result.findtext("exit_status", "0"))
                self.reported.append((name, int(result.findtext("state", "0")), status))
                SubElement(SubElement(reply, "result_ack"), "name").text = name
            if float(request.findtext("work_req_seconds", "0")) > 0 and self.tasks:
                self._given += 1
                self._add_work(reply, self._given, self.tasks.pop(0))
            self.changed.notify_all()
        return reply

    def _public_key(self) -> str:
        numbers = self.key.public_key().public_numbers()
        size = _KEY_BITS // 8
        return f"\n{_KEY_BITS}\n" + _lines(numbers.n.to_bytes(size, "big") + numbers.e.to_bytes(size, "big"))

    def _signature(self, content: bytes) -> str:
        """RSA over the file's MD5 in hexadecimal, padded by PKCS #1 type 1 without naming the hash."""
        digest = hashlib.md5(content).hexdigest().encode()
        size = _KEY_BITS // 8
        padded = b"\0\1" + b"\xff" * (size - 3 - len(digest)) + b"\0" + digest
        if self.signs_badly:
            padded = padded[:-1] + bytes([padded[-1] ^ 1])
        own = self.key.private_numbers()
        return "\n" + _lines(pow(int.from_bytes(padded, "big"), own.d, own.public_numbers.n).to_bytes(size, "big"))

    def _add_work(self, reply: Element, number: int, lines: str) -> None:
        app, unit, output = f"app_{number}", f"wu_{number}", f"wu_{number}_0_out"
        content = f"#!/bin/sh\n{lines}\n".encode()
        self.apps[app] = content
        _fill(SubElement(reply, "app"), name="work", user_friendly_name="work")
        file = SubElement(reply, "file_info")
        _fill(file, name=app, url=f"{self.url}download/{app}", executable="")
        _fill(file, md5_cksum=hashlib.md5(content).hexdigest(), nbytes=len(content))
        _fill(file, file_signature=self._signature(content))
        version = SubElement(reply, "app_version")
        _fill(version, app_name="work", version_num=number, platform=PLATFORM, avg_ncpus=1, flops=1e9)
        _fill(SubElement(version, "file_ref"), file_name=app, main_program="")
        work = SubElement(reply, "workunit")
        _fill(work, name=unit, app_name="work", version_num=number, rsc_fpops_est=1e9, rsc_fpops_bound=1e16)
        _fill(work, rsc_memory_bound=1e6, rsc_disk_bound=1e8)
        made = SubElement(reply, "file_info")
        _fill(made, name=output, generated_locally="", upload_when_present="", max_nbytes=10000)
        _fill(made, upload_url=f"{self.url}upload")
        result = SubElement(reply, "result")
        _fill(result, name=f"{unit}_0", wu_name=unit, platform=PLATFORM, version_num=number)
        _fill(result, report_deadline=int(time.time()) + 86400)
        _fill(SubElement(result, "file_ref"), file_name=output, open_name="out", copy_file="")


def _fill(element: Element, **texts: object) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = str(text) or None


class _Door(BaseHTTPRequestHandler):
    """The project's web server."""

    project: Project

    def do_GET(self) -> None:
        self._own_path()
        if self.path.startswith("/download/"):
            content = self.project.apps.get(self.path.rpartition("/")[2])
            self._answer(content or b"", 404 if content is None else 200)
        else:
            self._answer(f"<html>\n<scheduler>{self.project.url}cgi</scheduler>\n</html>\n".encode())

    def do_POST(self) -> None:
        self._own_path()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/upload":
            self._answer(self._uploaded(body))
            return
        try:
            reply = self.project.scheduled(fromstring(body))
        except ParseError:
            self._answer(b"", 500)
            raise
        indent(reply)
        self._answer(tostring(reply, short_empty_elements=True).replace(b" />", b"/>") + b"\n")

    def _own_path(self) -> None:
        """As a proxy for itself it is asked for whole URLs."""
        if self.path.startswith("http://"):
            self.project.proxied += 1
            self.path = "/" + self.path.split("/", 3)[3]

    def _uploaded(self, body: bytes) -> bytes:
        status = b"<data_server_reply>\n<status>0</status>\n"
        if b"<get_file_size>" in body:
            return status + b"<file_size>0</file_size>\n</data_server_reply>\n"
        with self.project.changed:
            self.project.uploaded.append(body.partition(b"<data>\n")[2].decode("ascii", "replace"))
            self.project.changed.notify_all()
        return status + b"</data_server_reply>\n"

    def _answer(self, content: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Print nothing: the project keeps what it was told."""


@contextmanager
def project(
    tasks: Sequence[str] = (), host: str = "127.0.0.1", call: Callable[..., ThreadingHTTPServer] | None = None
) -> Iterator[Project]:
    """A project that is served; ``call`` calls what opens the socket where it is to be, as that of a box does."""
    one = Project(host=host, tasks=list(tasks))
    where = ((host, 0), type("Door", (_Door,), {"project": one}))
    server = call(ThreadingHTTPServer, *where) if call else ThreadingHTTPServer(*where)
    one.port = server.server_port
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield one
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
