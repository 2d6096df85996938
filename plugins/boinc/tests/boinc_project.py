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
from boinc_signing import SigningKey

KEY = "1_0123456789abcdef0123456789abcdef"
"""A weak account key, which is good for attaching hosts only."""
PLATFORM = "x86_64-pc-linux-gnu"
WORKS = "echo done >out; echo 0 >boinc_finish_called"
FAILS = "echo 1 >boinc_finish_called; exit 1"
NO_SUB_TASKS = "echo 207 >boinc_finish_called; exit 207"
ABORTED, EXIT_CLIENT_EXITING = 6, 199
"""State and exit status of a task that its client aborted when it was to end."""
LASTS = "sleep 600; echo done >out; echo 0 >boinc_finish_called"


@attrs.define
class Project:
    """What it offers and what it was told."""

    host: str = "127.0.0.1"
    port: int = 0
    tasks: list[str] = attrs.field(factory=list)
    """Shell lines of the tasks that are still to be given out."""
    reported: list[tuple[str, int, int]] = attrs.field(factory=list)
    """Name, state and exit status of each result that was reported."""
    proxied: int = 0
    """Requests that came as to a proxy."""
    name: str = ""
    """The host in its URL, where that is another than the one that is listened on."""
    uploaded: list[str] = attrs.field(factory=list)
    asked: list[Element] = attrs.field(factory=list, repr=False)
    """The requests of clients whose key is good."""
    fetched: list[str] = attrs.field(factory=list)
    """Paths that were asked for."""
    hosts: list[str] = attrs.field(factory=list)
    """The host that each request said it came from, by its cpid."""
    key: SigningKey = attrs.field(factory=SigningKey)
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
        fill(reply, scheduler_version=713, master_url=self.url, project_name="Fake", request_delay=1)
        if request.findtext("authenticator") != KEY:
            message = SubElement(reply, "message", priority="notice")
            message.text = "Invalid or missing account key.  To fix, remove and add this project."
            return reply
        with self.changed:
            self.asked.append(request)
            self.hosts.append(request.findtext("host_info/host_cpid", ""))
            fill(reply, user_name="vac")
            if int(request.findtext("hostid", "0")) == 0:  # told only to those that do not know it yet
                fill(reply, hostid=sorted(set(self.hosts)).index(self.hosts[-1]) + 1)
            if not request.findtext("code_sign_key", "").strip():
                fill(reply, code_sign_key=self.key.public())
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

    def _add_work(self, reply: Element, number: int, lines: str) -> None:
        app, unit, output = f"app_{number}", f"wu_{number}", f"wu_{number}_0_out"
        content = f"#!/bin/sh\n{lines}\n".encode()
        self.apps[app] = content
        fill(SubElement(reply, "app"), name="work", user_friendly_name="work")
        file = SubElement(reply, "file_info")
        fill(file, name=app, url=f"{self.url}download/{app}", executable="")
        fill(file, md5_cksum=hashlib.md5(content).hexdigest(), nbytes=len(content))
        fill(file, file_signature=self.key.signature(content))
        version = SubElement(reply, "app_version")
        fill(version, app_name="work", version_num=number, platform=PLATFORM, avg_ncpus=1, flops=1e9)
        fill(SubElement(version, "file_ref"), file_name=app, main_program="")
        work = SubElement(reply, "workunit")
        fill(work, name=unit, app_name="work", version_num=number, rsc_fpops_est=1e9, rsc_fpops_bound=1e16)
        fill(work, rsc_memory_bound=1e6, rsc_disk_bound=1e8)
        made = SubElement(reply, "file_info")
        fill(made, name=output, generated_locally="", upload_when_present="", max_nbytes=10000)
        fill(made, upload_url=f"{self.url}upload")
        result = SubElement(reply, "result")
        fill(result, name=f"{unit}_0", wu_name=unit, platform=PLATFORM, version_num=number)
        fill(result, report_deadline=int(time.time()) + 86400)
        fill(SubElement(result, "file_ref"), file_name=output, open_name="out", copy_file="")


def fill(element: Element, **texts: object) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = str(text) or None


class _Door(BaseHTTPRequestHandler):
    """The project's web server."""

    project: Project

    def do_GET(self) -> None:
        self._own_path()
        with self.project.changed:
            self.project.fetched.append(self.path)
            self.project.changed.notify_all()
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
def served(
    door: type[BaseHTTPRequestHandler], host: str = "127.0.0.1", call: Callable[..., ThreadingHTTPServer] | None = None
) -> Iterator[int]:
    """Serve at a port of its own; ``call`` calls what opens the socket where it is to be, as that of a box does."""
    server = call(ThreadingHTTPServer, (host, 0), door) if call else ThreadingHTTPServer((host, 0), door)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@contextmanager
def project(
    tasks: Sequence[str] = (), host: str = "127.0.0.1", call: Callable[..., ThreadingHTTPServer] | None = None
) -> Iterator[Project]:
    """A project that is served."""
    one = Project(host=host, tasks=list(tasks))
    with served(type("Door", (_Door,), {"project": one}), host, call) as one.port:
        yield one
