"""A real DiracX on SQLite: a VO, a pilot and a user, and tokens for both."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self

import attrs
from cryptography.fernet import Fernet
from kept import kept

RELEASE = "0.7.0"
PORT = 18000
S3_PORT = 18333
DEADLINE = 300.0
KEYSTORE = """
import json, uuid
from joserfc.jwk import KeySet, OKPKey
about = {"key_ops": ["sign", "verify"], "alg": "Ed25519", "kid": str(uuid.uuid4())}
key = OKPKey.generate_key("Ed25519", parameters=about)
print(json.dumps(KeySet([key]).as_dict(private=True)))
"""


def diracx_python() -> Path:
    """The interpreter that has DiracX."""
    return kept(f"diracx-{RELEASE}", _install) / "bin" / "python"


def _install(directory: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    wanted = ["diracx", "diracx-routers[all]", "diracx-cli", "diracx-testing"]
    words = [f"{name}=={RELEASE}" for name in wanted] + ["moto[server]"]
    subprocess.run([str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", *words], check=True)


@attrs.define(slots=False)
class DiracxServer:
    """Use it as a context manager; all it has is below its directory."""

    directory: Path
    url: str = f"http://127.0.0.1:{PORT}"

    def __enter__(self) -> Self:
        self.python = diracx_python()
        self._secret = secrets.token_bytes(32)
        self._processes: list[subprocess.Popen[bytes]] = []
        repository = f"git+file://{self.directory}/config"
        self._internal("generate-cs", repository)
        self._internal("add-vo", repository, "--vo=lhcb", "--idp-url=https://idp.invalid", "--idp-client-id=x")
        self._internal("add-group", repository, "--vo=lhcb", "--group=lhcb_pilot", "--properties=GenericPilot",
                       "--properties=LimitedDelegation")  # fmt: skip
        for name, group in (("pilot", "lhcb_pilot"), ("jo", "user")):
            self._internal("add-user", repository, "--vo=lhcb", f"--group={group}", f"--sub=sub-{name}",
                           f"--preferred-username={name}")  # fmt: skip
        try:
            self._serve(repository)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [str(self.python), *words], capture_output=True, text=True, check=False, env=self._environment(),
            timeout=DEADLINE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _internal(self, *words: str) -> None:
        self._run("-c", "from diracx.cli import app; app()", "internal", *words)

    def _environment(self, **more: str) -> dict[str, str]:
        git = {
            f"GIT_{role}_{what}": "tests@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8", **git, **more}

    def _serve(self, repository: str) -> None:
        database = self._run("-m", "diracx.db", "generate-local-urls", str(self.directory))
        exported = dict(word.split("=", 1) for word in shlex.split(database) if "=" in word)
        s3 = {"endpoint_url": f"http://127.0.0.1:{S3_PORT}", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        environment = self._environment(
            **exported,
            DIRACX_CONFIG_BACKEND_URL=repository,
            DIRACX_SERVICE_AUTH_TOKEN_ISSUER=self.url,
            DIRACX_SERVICE_AUTH_TOKEN_KEYSTORE=self._run("-c", KEYSTORE).strip(),
            DIRACX_SERVICE_AUTH_STATE_KEY=Fernet.generate_key().decode(),
            DIRACX_SANDBOX_STORE_BUCKET_NAME="sandboxes",
            DIRACX_SANDBOX_STORE_AUTO_CREATE_BUCKET="true",
            DIRACX_SANDBOX_STORE_S3_CLIENT_KWARGS=json.dumps(s3),
            DIRACX_LEGACY_EXCHANGE_HASHED_API_KEY=hashlib.sha256(self._secret).hexdigest(),
        )
        self._start("s3", environment, "-m", "moto.server", "-p", str(S3_PORT))
        self._wait_for(S3_PORT)
        self._start("diracx", environment, "-m", "uvicorn", "--factory", "diracx.testing.routers:create_app",
                    "--host", "127.0.0.1", "--port", str(PORT))  # fmt: skip
        self._wait_for(PORT)

    def _start(self, name: str, environment: dict[str, str], *words: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen([str(self.python), *words], env=environment, stdout=log, stderr=subprocess.STDOUT)
            )

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + DEADLINE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self._processes[-1].poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def log(self) -> str:
        """The ends of all logs."""
        return "".join(path.read_text(errors="replace")[-3000:] for path in self.directory.glob("*.log"))

    def ban(self, site: str, reason: str) -> None:
        """Have it banned, as who runs the VO's operations does: no door of DiracX's is there for it."""
        path = self.directory / "resourcestatusdb.db"
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as database, database:
            database.execute(
                "INSERT INTO SiteStatus (Name, Status, Reason, DateEffective) VALUES (?, 'Banned', ?, datetime('now'))",
                (site, reason),
            )

    def token(self, name: str, group: str) -> str:
        """An access token of somebody's, as DIRAC gets one for who holds a proxy."""
        scope = f"vo:lhcb group:{group}"
        asked = urllib.parse.urlencode({"preferred_username": name, "scope": scope})
        credential = f"Bearer diracx:legacy:{base64.urlsafe_b64encode(self._secret).decode()}"
        return str(self.ask("GET", f"/api/auth/legacy-exchange?{asked}", credential)["access_token"])

    def ask(self, method: str, path: str, credential: str, document: Any = None) -> Any:
        """An answer of the server; while it still makes itself ready it is asked again."""
        body = None if document is None else json.dumps(document).encode()
        headers = {"Authorization": credential, "Content-Type": "application/json"}
        deadline = time.monotonic() + DEADLINE
        while True:
            wanted = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
            try:
                with urllib.request.urlopen(wanted, timeout=60) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 503 or time.monotonic() > deadline:
                    raise RuntimeError(f"{path}: {error.code} {error.read()!r}\n{self.log()}") from error
                time.sleep(0.5)


if __name__ == "__main__":
    print(diracx_python())
