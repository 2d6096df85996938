"""A real DIRAC server with all that jobs need, on the loopback of the network that the tests run in."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import attrs
from certificates import Authority, Issued, dirac_group, write_key
from dirac_config import (
    DATABASES,
    MARIADB_PORT,
    OPENSEARCH_PORT,
    PORTS,
    SITE,
    Names,
    client_s,
    served,
    servers_own,
    written,
)
from dirac_install import dirac_python
from engines import missing

DEADLINE = 180.0
HERE = Path(__file__).parent
MARIADB = ("mariadbd", "mariadb-install-db", "mariadb")


def distinguished(name: str) -> str:
    """A subject as DIRAC writes it."""
    return f"/O=Vac tests/CN={name}"


@attrs.define(slots=False)
class DiracServer:
    """Use it as a context manager; all it has is below its directory."""

    directory: Path

    def __enter__(self) -> Self:
        for program in MARIADB:
            if shutil.which(program) is None:
                missing(f"{program} is not installed: install mariadb-server-core and mariadb-client-core")
        self.python = dirac_python()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        try:
            self._certify()
            self._configure()
            self._start_databases()
            self._start_services()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._processes.values()):
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _certify(self) -> None:
        self.authority = Authority()
        self.trusted = self.directory / "grid-security" / "certificates"
        self.trusted.mkdir(parents=True)
        for name in ("vomsdir", "vomses"):
            (self.trusted.parent / name).mkdir()
            (self.trusted.parent / name / VO_FILE).write_text("")
        plain = self.directory / "ca.pem"
        plain.write_bytes(self.authority.pem)
        hashed = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", str(plain)], check=True, capture_output=True, text=True
        )
        (self.trusted / f"{hashed.stdout.strip()}.0").write_bytes(self.authority.pem)
        self.certificates = self.directory / "certificates"
        self.certificates.mkdir()
        self.server = self._issue("server", "localhost", hosts=["localhost", socket.getfqdn()])
        self.user = self._issue("user", "Jo User")
        self.pilot = self._issue("pilot", "Robot Pilot")
        self.machine = self._issue("machine", "lhcb-vm.example.org", hosts=["lhcb-vm.example.org"])
        self.user_proxy = self._proxy("userproxy.pem", self.user, "lhcb_user")
        self.long_proxy = write_key(self.certificates / "longproxy.pem", self.authority.proxy(self.user).proxy_pem)
        self.pilot_proxy = self._proxy("pilotproxy.pem", self.pilot, "lhcb_pilot")

    def _issue(self, file: str, name: str, hosts: list[str] | None = None) -> Issued:
        issued = self.authority.issue(name, hosts=hosts or ())
        issued.write(self.certificates, file)
        return issued

    def _proxy(self, file: str, of: Issued, group: str) -> Path:
        return write_key(self.certificates / file, self.authority.proxy(of, dirac_group(group)).proxy_pem)

    def _configure(self) -> None:
        names = Names(
            server=distinguished("localhost"),
            user=distinguished("Jo User"),
            pilot=distinguished("Robot Pilot"),
            machine=distinguished("lhcb-vm.example.org"),
        )
        self.server_cfg = self.directory / "server.cfg"
        self.server_cfg.write_text(written(servers_own(names, self.directory, self.certificates)))
        self.client_cfg = self.directory / "client.cfg"
        self.client_cfg.write_text(written(client_s(self.certificates)))
        (self.directory / "etc").mkdir()
        (self.directory / "etc" / "Tests.cfg").write_text(written(served(names, self.directory)))
        (self.directory / "sandboxes").mkdir()

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of DIRAC's processes."""
        return {
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "DIRAC_ROOT_PATH": str(self.directory),
            "LANG": "C.UTF-8",
            "X509_CERT_DIR": str(self.trusted),
            "X509_VOMS_DIR": str(self.trusted.parent / "vomsdir"),
            "X509_VOMSES": str(self.trusted.parent / "vomses"),
            "DIRAC_USE_M2CRYPTO": "Yes",
            **changes,
        }

    def _start(self, name: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        log = (self.directory / f"{name.replace('/', '-')}.log").open("ab")
        process = subprocess.Popen(
            words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.directory,
            env=self.environment(**environment),
        )  # fmt: skip
        log.close()
        self._processes[name] = process
        return process

    def _start_databases(self) -> None:
        data, user = self.directory / "mariadb", pwd.getpwuid(os.geteuid()).pw_name
        common = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
        subprocess.run(
            ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True,
        )  # fmt: skip
        socket_file = self.directory / "mariadb.sock"
        self._start(
            "mariadb", "mariadbd", *common, f"--socket={socket_file}", f"--port={MARIADB_PORT}",
            "--bind-address=127.0.0.1", f"--pid-file={self.directory}/mariadb.pid",
        )  # fmt: skip
        self._start("opensearch", sys.executable, str(HERE / "opensearch.py"), str(OPENSEARCH_PORT))
        self.wait_for(MARIADB_PORT, "mariadb")
        self.wait_for(OPENSEARCH_PORT, "opensearch")
        self._sql("CREATE USER dirac@'%' IDENTIFIED BY 'dirac'; GRANT ALL ON *.* TO dirac@'%'; FLUSH PRIVILEGES;")
        for system, databases in DATABASES.items():
            for name in databases:
                self._sql(f"CREATE DATABASE {name};")
                script = self.library / f"{system}System" / "DB" / f"{name}.sql"
                if system != "ResourceStatus":  # it makes its tables itself
                    self._sql(script.read_text())
        self.run("prepare.py", SITE, server=True)

    @property
    def library(self) -> Path:
        """Where DIRAC's own files are."""
        [found] = self.python.parent.parent.glob("lib/python3*/site-packages/DIRAC")
        return found

    def _sql(self, text: str) -> None:
        words = ["mariadb", "--no-defaults", f"--socket={self.directory}/mariadb.sock", "-u", "root"]
        done = subprocess.run(words, input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    def _start_services(self) -> None:
        for service, port in PORTS.items():  # one after the other: two that make the same tables would fall out
            words = [str(self.python), str(self.python.parent / "dirac-service"), service]
            self._start(service, *words, "--cfg", str(self.server_cfg))
            self.wait_for(port, service)
        words = [str(self.python), str(self.python.parent / "dirac-executor"), "WorkloadManagement/Optimizers"]
        self._start("Optimizers", *words, "--cfg", str(self.server_cfg))
        self.run("upload_proxy.py", str(self.long_proxy))

    def wait_for(self, port: int, name: str) -> None:
        """Wait until something listens, or its process has ended."""
        deadline = time.monotonic() + DEADLINE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self._processes[name].poll() is None, f"{name} ended: {self.log(name)}"
            assert time.monotonic() < deadline, f"{name} does not listen: {self.log(name)}"
            time.sleep(0.2)

    def log(self, name: str) -> str:
        """The end of a process's log."""
        return (self.directory / f"{name.replace('/', '-')}.log").read_text(errors="replace")[-4000:]

    def run(self, script: str, *words: str, server: bool = False) -> str:
        """Run a script of these tests in DIRAC's own interpreter, as the server or as the user; returns its result."""
        cfg = self.server_cfg if server else self.client_cfg
        environment = {} if server else {"X509_USER_PROXY": str(self.user_proxy)}
        done = subprocess.run(
            [str(self.python), str(HERE / script), str(cfg), *words], cwd=self.directory, text=True,
            capture_output=True, env=self.environment(**environment), timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout.rpartition("RESULT ")[2].strip()


VO_FILE = "lhcb"
