"""``vac grid proxy-init``."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest
from certificates import Authority
from click.testing import CliRunner
from vac_grid.credential import read_credential
from vac_grid.proxy import is_limited

from vac_core.cli.main import cli


@pytest.fixture(scope="module")
def issued():
    return Authority().issue("Jo Pilot")


@pytest.fixture
def run(issued, tmp_path):
    certificate, key = issued.write(tmp_path)

    def invoke(*words):
        given = ["--cert", str(certificate), "--key", str(key), "--out", str(tmp_path / "proxy.pem"), *words]
        return CliRunner().invoke(cli, ["grid", "proxy-init", *given])

    return invoke


def test_a_proxy_is_made_that_only_its_owner_can_read(run, tmp_path):
    result = run("--hours", "6")
    assert "a rfc-limited proxy of CN=Jo Pilot,O=Vac tests, until" in result.output
    proxy = read_credential(tmp_path / "proxy.pem")
    assert is_limited(proxy.chain[0])
    assert stat.S_IMODE((tmp_path / "proxy.pem").stat().st_mode) == 0o600


def test_an_earlier_one_is_replaced_whole(run, tmp_path):
    (tmp_path / "proxy.pem").write_text("old")
    (tmp_path / "proxy.pem").chmod(0o644)
    assert run().exit_code == 0
    assert stat.S_IMODE((tmp_path / "proxy.pem").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["proxy.pem", "x509cert.pem", "x509key.pem"]


def test_what_cannot_be_made_is_told_in_a_line(run, tmp_path):
    result = run("--hours", "10000")
    assert result.exit_code == 1
    assert "x509cert.pem expires at" in result.output
    assert not (tmp_path / "proxy.pem").exists()


def test_a_directory_that_is_not_there_is_told_in_a_line(run):
    result = run("--out", "/nonexistent/proxy.pem")
    assert result.exit_code == 1
    assert "/nonexistent" in result.output


def test_the_library_of_certificates_is_loaded_only_when_a_proxy_is_made():
    found = "import sys, vac_grid; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
