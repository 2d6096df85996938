from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from signed_image import SIGNER, authority, image, install
from vac_libvirt.cernvm_image_command import cernvm_signature


def test_the_command_tells_who_signed_an_image(tmp_path: Path) -> None:
    ca = authority()
    certificates = str(install(tmp_path / "certificates", ca))
    path = tmp_path / "ucernvm.iso"
    path.write_bytes(image(ca.issue()))
    said = CliRunner().invoke(cernvm_signature, ["--certificates", certificates, str(path)])
    assert said.exit_code == 0
    assert said.output.splitlines()[0] == f"signed by /DC=org/DC=example/CN={SIGNER}"
    assert "ucernvm-version: 2.0-HEAD" in said.output
    found = json.loads(
        CliRunner().invoke(cernvm_signature, ["--json", "--certificates", certificates, str(path)]).output
    )
    assert found["dn"].endswith(SIGNER)


def test_the_command_fails_for_an_image_that_is_refused(tmp_path: Path) -> None:
    ca = authority()
    certificates = str(install(tmp_path / "certificates", ca))
    path = tmp_path / "ucernvm.iso"
    path.write_bytes(image(ca.issue())[:-1])
    words = ["--certificates", certificates, "--signing-dn", "/CN=somebody", str(path)]
    refused = CliRunner().invoke(cernvm_signature, words)
    assert refused.exit_code == 1
    assert "is refused" in refused.output
    missing = CliRunner().invoke(cernvm_signature, [str(tmp_path / "none.iso")])
    assert missing.exit_code == 1
    assert "No such file or directory" in missing.output
