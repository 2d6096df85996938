"""What a root_image leads to, and what it must not lead to."""

from __future__ import annotations

from pathlib import Path

import pytest
from vac_apptainer.image import local_image, repositories

from vac_core.interfaces import MachineTypeError, PluginError
from vac_core.testing import machinetype

SIF = b"#!/usr/bin/env run-singularity\n\0SIF_MAGIC\0" + b"\0" * 100
NOWHERE = Path("/nowhere")


@pytest.fixture
def cvmfs(tmp_path: Path) -> Path:
    """Where a host has CVMFS mounted, with one repository."""
    there = tmp_path / "mounted"
    (there / "vo.example.org").mkdir(parents=True)
    return there


@pytest.mark.parametrize("content", [SIF, b"hsqs" + b"\0" * 100, b"\0" * 1080 + b"\x53\xef"])
def test_a_file_of_each_kind_is_taken(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "image"
    file.write_bytes(content)
    assert local_image(machinetype(root_image=str(file)), NOWHERE) == file


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x7fELF" + b"\0" * 2000])
def test_a_file_that_is_no_image_is_the_machinetypes_fault(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "image"
    file.write_bytes(content)
    with pytest.raises(MachineTypeError, match="neither a SIF, SquashFS nor ext3 image"):
        local_image(machinetype(root_image=str(file)), NOWHERE)


def test_a_bare_name_is_a_file_of_the_machinetype(tmp_path: Path) -> None:
    (tmp_path / "el9.sif").write_bytes(SIF)
    assert local_image(machinetype(root_image="el9.sif", files_dir=str(tmp_path)), NOWHERE) == tmp_path / "el9.sif"


def test_an_image_that_is_not_there_may_yet_be_put_there(tmp_path: Path, cvmfs: Path) -> None:
    with pytest.raises(PluginError, match="No such file or directory: put it there") as raised:
        local_image(machinetype(root_image=str(tmp_path / "gone.sif")), NOWHERE)
    assert not isinstance(raised.value, MachineTypeError)
    with pytest.raises(PluginError, match="see that CVMFS is mounted"):
        local_image(machinetype(root_image="/cvmfs/gone.example.org/el9"), cvmfs)


def test_a_tree_in_cvmfs_is_followed_through_links_of_its_own(cvmfs: Path) -> None:
    (cvmfs / "vo.example.org" / "el9-2026").mkdir()
    (cvmfs / "vo.example.org" / "el9").symlink_to("el9-2026")
    found = local_image(machinetype(root_image="/cvmfs/vo.example.org/el9", pipe="myvo"), cvmfs)
    assert found == cvmfs / "vo.example.org/el9-2026"


@pytest.mark.parametrize("out", ["/", "/etc", "../.."])
def test_a_link_in_cvmfs_that_leads_to_the_host_is_refused(cvmfs: Path, out: str) -> None:
    (cvmfs / "vo.example.org" / "el9").symlink_to(out)
    with pytest.raises(MachineTypeError, match="leads by links out of"):
        local_image(machinetype(root_image="/cvmfs/vo.example.org/el9"), cvmfs)


def test_links_in_a_circle_are_said_to_be_so(cvmfs: Path) -> None:
    (cvmfs / "vo.example.org" / "el9").symlink_to("el9")
    with pytest.raises(PluginError, match=r"circle|Too many levels"):
        local_image(machinetype(root_image="/cvmfs/vo.example.org/el9"), cvmfs)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"root_image": "/images/el9.sif"}, ()),
        ({"root_image": "/cvmfs/vo.example.org/el9"}, ("vo.example.org",)),
        ({"cvmfs_repositories": ("a.example.org", "b.example.org")}, ("a.example.org", "b.example.org")),
        ({"root_image": "/cvmfs/b.example.org/x", "cvmfs_repositories": ("b.example.org",)}, ("b.example.org",)),
    ],
)
def test_repositories_are_those_of_the_image_and_those_it_names(options: dict[str, object], names: tuple[str]) -> None:
    assert repositories(machinetype(**options)) == names
