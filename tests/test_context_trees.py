"""The metadata tree: every path that guests' readers ask for, and what directories of it show."""

from __future__ import annotations

import base64
import email
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.additions import joined, vendor_data
from vac_core.context.delivery import DELIVERIES
from vac_core.context.listings import canonical, listing, segments
from vac_core.context.trees import metadata_tree
from vac_core.factory.web.guests import write_tree
from vac_core.interfaces import Context, ContextFile

KEYS = ("ssh-ed25519 AAAA one", "ssh-rsa BBBB two")
META = {"machinefeatures": "http://h/m", "jobfeatures": "http://h/j", "joboutputs": "http://h/o"}


def context(**changes):
    made = {
        "machine_id": "0f4d5a8e-0001-4000-8000-000000000001",
        "hostname": "wn01-00.example.org",
        "user_data": b"#!/bin/sh\ntrue\n",
        "metadata": META,
        "public_keys": KEYS,
    }
    return Context(**{**made, **changes})


def texts(message):
    """The text of all parts of a MIME message."""
    return b"".join(part.get_payload(decode=True) or b"" for part in email.message_from_bytes(message).walk())


def test_nocloud_has_its_three_files():
    tree = metadata_tree(context())
    assert tree["nocloud/user-data"] == b"#!/bin/sh\ntrue\n"
    assert tree["nocloud/vendor-data"] == vendor_data(context())
    assert json.loads(tree["nocloud/meta-data"]) == {
        "instance-id": "0f4d5a8e-0001-4000-8000-000000000001",
        "local-hostname": "wn01-00.example.org",
        "public-keys": list(KEYS),
        "meta": META,
    }


def test_openstack_has_the_names_that_cloud_init_asks_for():
    tree = metadata_tree(context(), random_seed=b"seed")
    document = json.loads(tree["openstack/latest/meta_data.json"])
    assert document["uuid"] == "0f4d5a8e-0001-4000-8000-000000000001"
    assert document["hostname"] == document["name"] == "wn01-00.example.org"
    assert list(document["public_keys"].values()) == list(KEYS)
    assert document["meta"] == META
    assert base64.b64decode(document["random_seed"]) == b"seed"
    assert tree["openstack/latest/user_data"] == b"#!/bin/sh\ntrue\n"
    assert json.loads(tree["openstack/latest/vendor_data.json"])["cloud-init"] == vendor_data(context()).decode()


def test_vac_3_s_own_paths_are_kept():
    tree = metadata_tree(context())
    assert tree["openstack/latest/meta-data.json"] == tree["openstack/latest/meta_data.json"]
    assert tree["openstack/latest/user-data"] == tree["latest/user-data"] == tree["ec2/latest/user-data"]
    document = json.loads(tree["latest/meta-data.json"])
    assert document["uuid"] == document["instance-id"]
    assert document["meta"] == META


def test_ec2_leaves_hold_one_value_each():
    tree = metadata_tree(context())
    leaves = {path.removeprefix("latest/meta-data/"): body for path, body in tree.items() if "/meta-data/" in path}
    assert leaves["instance-id"] == b"0f4d5a8e-0001-4000-8000-000000000001"
    assert leaves["local-hostname"] == leaves["hostname"] == b"wn01-00.example.org"
    assert leaves["public-keys/1/openssh-key"] == KEYS[1].encode()
    assert leaves["joboutputs"] == b"http://h/o"
    assert json.loads(tree["latest/dynamic/instance-identity/document"])["instanceId"] == leaves["instance-id"].decode()


def test_metadata_cannot_take_the_place_of_what_ec2_defines_or_leave_its_directory():
    tree = metadata_tree(context(metadata={"instance-id": "other", "placement": "x", "public-keys": "x", "../up": "x"}))
    assert tree["latest/meta-data/instance-id"] == b"0f4d5a8e-0001-4000-8000-000000000001"
    assert {path for path in tree if path.endswith(("/placement", "/public-keys", "up"))} == set()


def test_files_come_by_content_path_and_by_vendor_data():
    secret = ContextFile(path="/etc/x", content=b"\x00\xff", mode=0o600)
    tree = metadata_tree(context(files=(secret, ContextFile(path="/etc/y", content=b"y"))))
    [first, second] = json.loads(tree["openstack/latest/meta_data.json"])["files"]
    assert (first["path"], second["path"]) == ("/etc/x", "/etc/y")
    assert tree["openstack" + first["content_path"]] == b"\x00\xff"
    assert json.loads(tree["openstack/latest/vendor_data.json"])["cloud-init"] == tree["nocloud/vendor-data"].decode()
    assert b"/etc/x" in texts(tree["nocloud/vendor-data"])


def test_with_nothing_to_add_vendor_data_is_empty():
    tree = metadata_tree(context(public_keys=()))
    assert tree["nocloud/vendor-data"] == b""
    assert json.loads(tree["openstack/latest/vendor_data.json"]) == {}


def test_ec2_s_user_data_has_the_additions_as_its_vendor_data_has_no_place():
    one = context(environment={"JOBFEATURES": "http://h/j"})
    tree = metadata_tree(one, delivery=DELIVERIES["ec2"])
    assert tree["latest/user-data"] == joined(one)
    assert tree["openstack/latest/user_data"] == tree["ec2/latest/user-data"] == one.user_data


@pytest.mark.parametrize("name", sorted(set(DELIVERIES) - {"ec2"}))
def test_no_other_delivery_touches_the_user_data(name):
    one = context(environment={"JOBFEATURES": "http://h/j"})
    tree = metadata_tree(one, delivery=DELIVERIES[name])
    assert {body for path, body in tree.items() if path.endswith(("user-data", "user_data"))} == {one.user_data}


def test_without_keys_there_is_no_directory_of_keys():
    tree = metadata_tree(context(public_keys=()))
    assert [path for path in tree if "public-keys" in path] == []
    assert json.loads(tree["nocloud/meta-data"])["public-keys"] == []


@pytest.mark.parametrize(
    ("path", "stands_for"),
    [
        ("/latest/user-data", "latest/user-data"),
        ("/2009-04-04/meta-data/", "latest/meta-data"),
        ("//2007-12-15//user-data", "latest/user-data"),
        ("/1.0/meta-data.json", "latest/meta-data.json"),
        ("/openstack/2018-08-27/meta_data.json", "openstack/latest/meta_data.json"),
        ("/openstack/content/0000", "openstack/content/0000"),
        ("/ec2/latest/meta-data.json", "ec2/latest/meta-data.json"),
        ("/nocloud/meta-data", "nocloud/meta-data"),
        ("/meta-data/latest", "meta-data/latest"),
        ("/", ""),
    ],
)
def test_any_version_stands_for_the_latest(path, stands_for):
    assert "/".join(canonical(segments(path))) == stands_for


@given(st.text())
def test_no_path_climbs(path):
    parts = segments(path)
    assert parts is None or not {".", "..", ""} & set(parts)
    assert parts is None or not any("/" in part or "\0" in part for part in parts)


@pytest.mark.parametrize("path", ["/latest/../x", "..", "/./x", "/a\0b", "/a\n", "/\udcff"])
def test_paths_that_climb_are_none(path):
    assert segments(path) is None


def test_directories_show_their_names_one_on_a_line():
    assert (
        listing(("latest", "meta-data"), ["instance-id", "ami-id"], ["placement"]) == "ami-id\ninstance-id\nplacement/"
    )


def test_keys_are_listed_by_number_and_name():
    places = [str(place) for place in range(11)]
    assert listing(("latest", "meta-data", "public-keys"), [], places).splitlines()[9:] == ["9=vac9", "10=vac10"]


def test_the_roots_list_versions_without_slashes():
    assert "latest" in listing((), [], []).splitlines()
    assert listing(("openstack",), [], ["latest", "content"]).splitlines()[-2:] == ["2018-08-27", "latest"]


def test_on_disk_the_tree_is_the_daemon_s_alone(tmp_path):
    tree = metadata_tree(context())
    write_tree(tmp_path / "metadata", tree)
    write_tree(tmp_path / "metadata", tree)
    paths = [path for path in (tmp_path / "metadata").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "metadata")): path.read_bytes() for path in paths} == tree
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    directories = [tmp_path / "metadata", *(path.parent for path in paths)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in directories} == {0o700}


def test_a_tree_that_would_leave_its_directory_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must stay below its directory"):
        write_tree(tmp_path / "metadata", {"../x": b""})
    assert not (tmp_path / "x").exists()
