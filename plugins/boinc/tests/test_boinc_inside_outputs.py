"""What a machine leaves and is told where it finds the factory by URLs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest
from vac_boinc.inside import outputs
from vac_boinc.inside.outputs import Outputs

ENDS = 1795720000.0


@attrs.define
class Service:
    """A factory's service: what it was given, and what it tells."""

    url: str = ""
    given: dict[str, bytes] = attrs.field(factory=dict)


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()

    class Door(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            one.given[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(204, b"")

        def do_GET(self) -> None:
            known = self.path == "/jobfeatures/shutdowntime_job"
            self._answer(200 if known else 404, f"{ENDS:.0f}\n".encode() if known else b"")

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    one.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield one
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(outputs, "_SPOOL", str(tmp_path / "spool"))
    monkeypatch.delenv("JOBOUTPUTS", raising=False)
    monkeypatch.delenv("JOBFEATURES", raising=False)
    return tmp_path / "spool"


def test_an_output_is_left_here_and_put_to_the_factory(service: Service, spool: Path) -> None:
    Outputs({"joboutputs": f"{service.url}/joboutputs/", "jobfeatures": ""}).write("shutdown_message", "200 Success\n")
    assert service.given == {"/joboutputs/shutdown_message": b"200 Success\n"}
    assert (spool / "shutdown_message").read_text() == "200 Success\n"


def test_a_factory_that_is_away_stops_nothing(spool: Path) -> None:
    Outputs({"joboutputs": "http://127.0.0.1:9/joboutputs", "jobfeatures": ""}).write("boinc.json", "{}")
    assert (spool / "boinc.json").read_text() == "{}"


def test_a_directory_needs_no_service(tmp_path: Path) -> None:
    Outputs({"joboutputs": str(tmp_path / "joboutputs"), "jobfeatures": ""}).write("boinc.json", "{}")
    assert (tmp_path / "joboutputs" / "boinc.json").read_text() == "{}"


def test_the_end_of_a_machine_is_what_its_features_say(service: Service, tmp_path: Path) -> None:
    (tmp_path / "shutdowntime_job").write_text("12\n")
    assert Outputs({"joboutputs": "", "jobfeatures": f"{service.url}/jobfeatures"}).end() == ENDS
    assert Outputs({"joboutputs": "", "jobfeatures": str(tmp_path)}).end() == 12.0
    assert Outputs({"joboutputs": "", "jobfeatures": ""}).end() == float("inf")
    assert Outputs({"joboutputs": "", "jobfeatures": f"{service.url}/elsewhere"}).end() == float("inf")
