"""What is told from an image's header, hostile ones among them."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vac_libvirt.disks_bases import BaseError, inspect

GIB = 2**30


def qcow2(
    *, version: int = 3, backing_at: int = 0, cluster_bits: int = 16, size: int = GIB, crypt: int = 0, features: int = 0
) -> bytes:
    start = struct.pack(">4sIQIIQI", b"QFI\xfb", version, backing_at, 9 if backing_at else 0, cluster_bits, size, crypt)
    return start.ljust(72, b"\0") + struct.pack(">QQQII", features, 0, 0, 4, 104)


def image(directory: Path, content: bytes) -> Path:
    path = directory / "image"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("words", [[], ["-o", "compat=0.10"], ["-o", "cluster_size=2M,compression_type=zstd"]])
def test_images_that_qemu_made_are_told_by_their_header(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "made.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *words, str(path), "3G"], check=True)
    base = inspect(path)
    assert (base.format, base.size, base.iso) == ("qcow2", 3 * GIB, False)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-b", "/etc/passwd", "-F", "raw"], "it needs a backing file, which could be any file of this host"),
        (["-o", "data_file=DATA,data_file_raw=on"], "it needs an external data file"),
        (["--object", "secret,id=s,data=x", "-o", "encrypt.format=luks,encrypt.key-secret=s"], "it is encrypted"),
    ],
)
def test_images_that_reach_for_other_files_are_refused(tmp_path: Path, words: list[str], why: str) -> None:
    path = tmp_path / "made.qcow2"
    given_words = [word.replace("DATA", str(tmp_path / "data")) for word in words]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *given_words, str(path), "1M"], check=True)
    with pytest.raises(BaseError, match=why):
        inspect(path)


def test_anything_else_is_a_raw_disk(tmp_path: Path) -> None:
    base = inspect(image(tmp_path, bytes(5000)))
    assert (base.format, base.size, base.iso) == ("raw", 5000, False)
    assert inspect(image(tmp_path, b"\0" * 32769 + b"CD001" + bytes(3000))).iso


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (qcow2(backing_at=200), "backing file"),
        (qcow2(features=4), "external data file"),
        (qcow2(features=2), "marked as corrupt"),
        (qcow2(features=32), "not known here"),
        (qcow2(crypt=1), "encrypted"),
        (qcow2(version=1), "not valid"),
        (qcow2(cluster_bits=63), "not valid"),
        (qcow2(size=0), "not valid"),
        (qcow2()[:40], "cut off"),
        (qcow2()[:76], "cut off"),
        (b"QFI\xfb", "cut off"),
        (b"", "holds 0 bytes, and no disk"),
        (b"KDMV" + bytes(1000), "it is a VMDK image"),
        (b"\x1f\x8b" + bytes(1000), "it is compressed with gzip"),
        (b"<!DOCTYPE html>" + bytes(1000), "it is a web page"),
    ],
)
def test_what_is_no_disk_is_refused_with_what_it_is(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(BaseError, match=why):
        inspect(image(tmp_path, content))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BaseError, match="No such file or directory"):
        inspect(tmp_path / "none")


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_whatever_a_header_says_it_is_a_disk_by_itself_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, pose: bool
) -> None:
    path = image(tmp_path_factory.getbasetemp(), b"QFI\xfb\0\0\0\x03" + content if pose else content)
    try:
        base = inspect(path)
    except BaseError:
        return
    if base.format == "qcow2":
        head = path.read_bytes()
        assert head[8:20] == bytes(12)  # no backing file
        assert not int.from_bytes(head[72:80]) & 4  # no data file
