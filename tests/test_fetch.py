"""Fetching over HTTP from servers of every kind, all on loopback."""

from __future__ import annotations

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import missing

from vac_core import __version__
from vac_core import fetch as fetching
from vac_core.fetch import FetchError, fetch

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """An HTTP server that answers each path as the test says."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[dict[str, str]] = []
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append(dict(self.headers))
                try:
                    outer.answers[self.path](self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *said: Any) -> None:
                """Say nothing."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **given}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def get(url: str, **given: Any) -> fetching.Fetched:
    return fetch(url, **{"deadline_seconds": 20.0, "max_bytes": 1000, **given})


def refusal(url: str, **given: Any) -> str:
    with pytest.raises(FetchError) as refused:
        get(url, **given)
    return str(refused.value)


def test_a_body_comes_with_its_validators(server: Server) -> None:
    server.answers["/vo.pipe"] = says(200, b"{}", ETag='"one"', Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT")
    found = get(f"{server.url}/vo.pipe")
    assert found == fetching.Fetched(
        url=f"{server.url}/vo.pipe", body=b"{}", etag='"one"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT"
    )
    assert server.seen[0]["User-Agent"] == f"Vac {__version__}"
    assert "If-None-Match" not in server.seen[0]


def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    server.answers["/"] = says(304)
    found = get(f"{server.url}/", etag='"one"', last_modified="then")
    assert (found.body, found.etag, found.last_modified) == (None, '"one"', "then")
    assert server.seen[0]["If-None-Match"] == '"one"'
    assert server.seen[0]["If-Modified-Since"] == "then"


def test_redirects_are_followed_a_few_times(server: Server) -> None:
    server.answers["/a"] = says(302, Location="/b")
    server.answers["/b"] = says(200, b"here")
    server.answers["/loop"] = says(302, Location="/loop")
    server.answers["/file"] = says(302, Location="file:///etc/passwd")
    assert get(f"{server.url}/a") == fetching.Fetched(url=f"{server.url}/b", body=b"here")
    assert refusal(f"{server.url}/loop").endswith("/loop cannot be fetched: it is redirected more than 5 times")
    assert "something that is no http:// or https:// URL" in refusal(f"{server.url}/file")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says(404, b"<html>"), "the server answered 404 Not Found"),
        (says(500), "the server answered 500 Internal Server Error"),
        (says(299), "the server answered 299"),
        (says(204), "the server answered 204 No Content"),
        (says(304), "the server answered 304 Not Modified"),
        (says(200, b"x" * 1001), "it is larger than 1000 bytes"),
        (says(200, b"x", Content_Encoding="gzip"), "the server sent it compressed, though it was asked not to"),
        (says(200, b"x", Content_Length="2"), "the connection ended before all of it had come"),
    ],
)
def test_answers_that_are_not_the_whole_content_are_refused(server: Server, answer: Answer, why: str) -> None:
    server.answers["/"] = answer
    assert refusal(f"{server.url}/") == f"{server.url}/ cannot be fetched: {why}"


def test_a_body_without_end_is_left_as_soon_as_it_is_too_large(server: Server) -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 1000)

    server.answers["/"] = endless
    assert refusal(f"{server.url}/").endswith("it is larger than 1000 bytes")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_a_server_that_hangs_is_left_at_the_deadline(server: Server, sent: bytes) -> None:
    def hang(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(sent)
        server.release.wait()

    server.answers["/"] = hang
    assert refusal(f"{server.url}/", deadline_seconds=0.2).endswith("there was no whole answer within 0.2 s")


def test_a_name_server_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*asked: Any, **how: Any) -> Any:
        release.wait()
        raise socket.gaierror("gone")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    before = set(threading.enumerate())
    assert refusal("http://slow.example.org/", deadline_seconds=0.2).endswith("there was no whole answer within 0.2 s")
    release.set()
    for thread in set(threading.enumerate()) - before:
        thread.join()


def test_no_answer_at_all_is_told(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/").endswith("127.0.0.1 cannot be reached: Connection refused")

    def greet(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"hello\r\n\r\n")

    server.answers["/"] = greet
    assert refusal(f"{server.url}/").endswith("the server's answer is not HTTP")


@pytest.mark.parametrize(
    "url", ["", "vo.pipe", "ftp://vo.example.org/", "file:///etc/passwd", "http://", "http://[::1", "http://a b/\n"]
)
def test_what_is_no_url_of_the_web_is_refused(url: str) -> None:
    assert "cannot be fetched" in refusal(url)


def test_headers_cannot_be_smuggled_in(server: Server) -> None:
    server.answers["/"] = says(200)
    assert "cannot be fetched" in refusal(f"{server.url}/", etag='"a"\r\nX-Evil: 1')


def test_errors_hold_no_password_and_no_query(server: Server) -> None:
    server.answers["/a?token=hunter2"] = says(403)
    url = server.url.replace("http://", "http://me:hunter2@")
    assert refusal(f"{url}/a?token=hunter2") == f"{server.url}/a cannot be fetched: the server answered 403 Forbidden"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        missing("the command openssl is not installed")
    directory = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = ["openssl", "req", "-x509", *key, *subject, "-out", "certificate.pem"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    return directory / "certificate.pem"


@pytest.fixture
def secure(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    made = Server(context)
    made.answers["/"] = says(200, b"safe")
    yield made
    made.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Server) -> None:
    assert "its certificate is not trusted" in refusal(f"{secure.url}/")


@pytest.fixture
def certificates_read_anew() -> Iterator[None]:
    """The host's certificates as they are in this test, not as an earlier fetch found them."""
    fetching._trust.cache_clear()
    yield
    fetching._trust.cache_clear()


@pytest.mark.usefixtures("certificates_read_anew")
def test_the_hosts_own_certificates_are_trusted(
    secure: Server, server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert get(f"{secure.url}/").body == b"safe"
    server.answers["/"] = says(200, b"unsafe")
    secure.answers["/down"] = says(302, Location=f"{server.url}/")
    assert refusal(f"{secure.url}/down").endswith(f"it leads from https to {server.url}/")
    server.answers["/up"] = says(302, Location=f"{secure.url}/")
    assert get(f"{server.url}/up").body == b"safe"


@pytest.mark.usefixtures("certificates_read_anew")
def test_the_igtfs_certificates_are_trusted_where_the_host_has_them(
    secure: Server, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(certificate, tmp_path / "ca.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    monkeypatch.setattr(fetching, "IGTF_CERTIFICATES", tmp_path)
    assert get(f"{secure.url}/").body == b"safe"
