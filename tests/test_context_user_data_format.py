"""What user data is, by its beginning; and what is compressed."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.user_data_format import UNPACKED_MAX, Format, UserDataError, recognise, unpacked


@pytest.mark.parametrize(
    ("user_data", "found"),
    [
        (b"", Format.EMPTY),
        (b" \n\t", Format.EMPTY),
        (b"#!/bin/sh\n", Format.SCRIPT),
        (b"\n#!/bin/sh\n", Format.SCRIPT),
        (b"#cloud-config\na: 1\n", Format.CLOUD_CONFIG),
        (b"#Cloud-Config\na: 1\n", Format.CLOUD_CONFIG),
        (b"#cloud-config-archive\n- a\n", Format.CLOUD_CONFIG_ARCHIVE),
        (b"#cloud-config-jsonp\n[]\n", Format.CLOUD_CONFIG_PATCH),
        (b"#cloud-boothook\n#!/bin/sh\n", Format.BOOTHOOK),
        (b"#include\nhttp://x\n", Format.INCLUDE),
        (b"#include-once\nhttp://x\n", Format.INCLUDE_ONCE),
        (b"#part-handler\n", Format.PART_HANDLER),
        (b"## template: jinja\n#cloud-config\n", Format.TEMPLATE),
        (b'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n\n', Format.MIME),
        (b"From nobody Fri\nContent-Type: text/plain\nmime-version: 1.0\n\n", Format.MIME),
        (b"#!/bin/sh\necho MIME-Version: 1.0 | mail\n", Format.SCRIPT),
        (b"[amiconfig]\nplugins=cernvm\n", Format.AMICONFIG),
        (b"# for CernVM\n[cernvm]\n", Format.AMICONFIG),
        (b"[ucernvm-begin]\ncvmfs_server=x\n[ucernvm-end]\n", Format.AMICONFIG),
        (b"<html>", Format.UNKNOWN),
        (b"\xff\xfe\x00", Format.UNKNOWN),
    ],
)
def test_user_data_is_told_by_its_beginning(user_data, found):
    assert recognise(user_data).format is found
    assert recognise(user_data).body == user_data
    packed = recognise(gzip.compress(user_data))
    assert (packed.format, packed.body) == (found, user_data)


def test_what_cannot_be_unpacked_is_refused_with_its_reason():
    with pytest.raises(UserDataError, match="cannot be unpacked"):
        recognise(b"\x1f\x8b" + b"nonsense" * 9)
    with pytest.raises(UserDataError, match="as gzip it is cut short"):
        recognise(gzip.compress(b"#!/bin/sh\n" * 100)[:-4])


def test_a_small_packet_with_much_in_it_is_not_unpacked_whole():
    with pytest.raises(UserDataError, match=f"more than {UNPACKED_MAX} octets"):
        unpacked(gzip.compress(b"\0" * (UNPACKED_MAX + 1), 1))


@given(st.binary())
def test_anything_is_something_or_is_refused(user_data):
    try:
        assert recognise(user_data).format in Format
    except UserDataError:
        assert user_data.startswith(b"\x1f\x8b")


def test_its_text_is_in_no_representation():
    assert "secret" not in repr(recognise(b"#!/bin/sh\nsecret\n"))
