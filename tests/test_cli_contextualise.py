"""``vac contextualise``: one context in every way in which others can use it, and no secret where none is wanted."""

from __future__ import annotations

import io
import random
import stat
from pathlib import Path

import pycdlib
import pytest
from click.testing import CliRunner, Result

from vac_core.cli.contextualise import WAYS
from vac_core.cli.main import cli
from vac_core.context.delivery import EC2_USER_DATA_MAX
from vac_core.context.export import WAYS as EXPORTS
from vac_core.context.export import ExportError, exported
from vac_core.interfaces import ContextFile
from vac_core.testing import context, machine

TEMPLATE = (
    "#!/bin/sh\n# ##user_data_machinetype## in ##user_data_space## ##user_data_uuid##\n##user_data_option_key##\n"
)
SITE = """
[settings]
vac_space = vac01.example.org
factory_name = wn01.example.org

[machinetype lhcb]
machine_model = process
user_data = {directory}/user_data
user_data_file_key = {directory}/key
"""


@pytest.fixture
def vac(tmp_path: Path):
    (tmp_path / "user_data").write_text(TEMPLATE)
    (tmp_path / "key").write_text("SECRET")
    (tmp_path / "vac.conf").write_text(SITE.format(directory=tmp_path))

    def invoke(*words: str) -> Result:
        given = [
            "--config",
            str(tmp_path / "vac.conf"),
            "--state-dir",
            str(tmp_path / "state"),
            "contextualise",
            *words,
        ]
        return CliRunner().invoke(cli, given)

    return invoke


def test_the_command_offers_the_ways_there_are() -> None:
    assert set(WAYS) == set(EXPORTS)


def test_user_data_for_many_machines_names_none_of_them(vac) -> None:
    result = vac("lhcb", "--for", "openstack")
    assert result.output == "#!/bin/sh\n# lhcb in vac01.example.org \n\n"


def test_secrets_are_there_only_when_asked_for(vac) -> None:
    assert "SECRET" not in vac("lhcb", "--for", "openstack").output
    assert "SECRET" in vac("lhcb", "--for", "openstack", "--with-secrets").output


@pytest.mark.parametrize("way", WAYS)
def test_what_is_written_is_for_one_s_own_eyes(vac, way: str, tmp_path: Path) -> None:
    result = vac("lhcb", "--for", way, "--output", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert EXPORTS[way].use in result.output
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    name = "user_data" if way == "docker" else "user-data"
    assert (tmp_path / "out" / name).read_text().startswith("#!/bin/sh\n# lhcb in vac01.example.org")
    assert stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) & 0o077 == 0


def on_image(image: bytes, path: str) -> bytes:
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    content = io.BytesIO()
    iso.get_file_from_iso_fp(content, joliet_path=path)
    iso.close()
    return content.getvalue()


@pytest.mark.parametrize(
    ("way", "image", "path"),
    [
        ("nocloud", "seed.iso", "/user-data"),
        ("configdrive", "seed.iso", "/openstack/latest/user_data"),
        ("cernvm", "seed.iso", "/openstack/latest/user_data"),
        ("boinc", "vm_isocontext.iso", "/user-data"),
    ],
)
def test_an_image_holds_the_same_user_data(vac, way: str, image: str, path: str, tmp_path: Path) -> None:
    vac("lhcb", "--for", way, "--output", str(tmp_path / "out"))
    written = (tmp_path / "out" / "user-data").read_bytes()
    assert on_image((tmp_path / "out" / image).read_bytes(), path) == written


def test_a_container_finds_its_features(vac, tmp_path: Path) -> None:
    vac("lhcb", "--for", "docker", "--output", str(tmp_path / "out"))
    assert (tmp_path / "out" / "jobfeatures" / "allocated_cpu").read_text() == "1"


def test_it_is_explained_where_each_part_comes_from(vac) -> None:
    result = vac("lhcb", "--for", "docker", "--explain")
    assert "contextualiser user_data, machinetype lhcb of the site's files; user_data_template_sha256" in result.output
    assert "Machine/Job Features, worked out now" in result.output
    assert "SECRET" not in result.output


def test_a_machinetype_that_is_not_there_is_told_with_those_there_are(vac) -> None:
    result = vac("atlas", "--for", "docker")
    assert result.exit_code == 1
    assert "the site has no machinetype 'atlas': there are: lhcb" in result.output


def test_a_template_that_is_gone_is_told(vac, tmp_path: Path) -> None:
    (tmp_path / "user_data").unlink()
    result = vac("lhcb", "--for", "docker")
    assert result.exit_code == 1
    assert "user_data cannot be read" in str(result.output or result.exception)


class TestEc2:
    def test_much_user_data_is_compressed(self) -> None:
        files = exported(context(machine(), user_data=b"#!/bin/sh\n" + b"#" * 20000), EXPORTS["ec2"])
        assert files["user-data"][0].startswith(b"\x1f\x8b")

    def test_too_much_is_an_error_with_the_mend(self) -> None:
        noise = random.Random(1).randbytes(EC2_USER_DATA_MAX * 2)
        with pytest.raises(ExportError, match=r"ec2 takes 16384: publish it at a URL"):
            exported(context(machine(), user_data=noise), EXPORTS["ec2"])


def test_files_of_a_context_go_where_a_way_has_no_place_for_them_with_the_user_data() -> None:
    brought = (ContextFile(path="/etc/motd", content=b"hello"),)
    files = exported(context(machine(), files=brought), EXPORTS["openstack"])
    assert b"/etc/motd" in files["user-data"][0]
    assert exported(context(machine(), files=brought), EXPORTS["docker"])["files/etc/motd"] == (b"hello", 0o644)
