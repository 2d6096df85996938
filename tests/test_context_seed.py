"""Seed images, read again, and by another program than what made them."""

from __future__ import annotations

import io
import shutil
import subprocess

import pycdlib
import pytest
from engines import missing
from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st

from vac_core.context import seed
from vac_core.context.delivery import DELIVERIES
from vac_core.context.seed import SeedError, iso_image, seed_image
from vac_core.context.trees import metadata_tree
from vac_core.interfaces import Context, ContextFile

CONTEXT = Context(
    machine_id="0f4d5a8e-0001-4000-8000-000000000001",
    hostname="wn01-00.example.org",
    user_data=b"#!/bin/sh\ntrue\n",
    public_keys=("ssh-ed25519 AAAA one",),
    environment={"JOBFEATURES": "http://h/j"},
    files=(ContextFile(path="/etc/x", content=b"\x00\xff"),),
)


def contents(image, kind="rr"):
    """Every file on an image, by its path as Linux shows it."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    found = {}
    for directory, _, names in iso.walk(**{f"{kind}_path": "/"}):
        for name in names:
            body = io.BytesIO()
            path = f"{directory.rstrip('/')}/{name}"
            iso.get_file_from_iso_fp(body, **{f"{kind}_path": path})
            found[path.lstrip("/")] = body.getvalue()
    label = iso.pvd.volume_identifier.decode().strip()
    iso.close()
    return label, found


def under(tree, *tops):
    return {path: body for path, body in tree.items() if path.partition("/")[0] in tops}


@pytest.mark.parametrize("kind", ["rr", "joliet"])
def test_nocloud_has_its_files_at_the_root_of_a_disk_labelled_cidata(kind):
    label, found = contents(seed_image(CONTEXT, DELIVERIES["nocloud"]), kind)
    tree = under(metadata_tree(CONTEXT), "nocloud")
    assert label == "cidata"
    assert found == {path.removeprefix("nocloud/"): body for path, body in tree.items()}


@pytest.mark.parametrize("kind", ["rr", "joliet"])
@pytest.mark.parametrize("name", ["configdrive", "cernvm"])
def test_a_config_drive_has_both_trees(name, kind):
    label, found = contents(seed_image(CONTEXT, DELIVERIES[name], random_seed=b"seed"), kind)
    assert label == "config-2"
    assert found == under(metadata_tree(CONTEXT, random_seed=b"seed"), "openstack", "ec2")
    assert found["openstack/latest/user_data"] == found["ec2/latest/user-data"] == CONTEXT.user_data
    assert {"openstack/latest/vendor_data2.json", "openstack/content/0000", "ec2/latest/meta-data.json"} < set(found)


@pytest.mark.parametrize("name", ["openstack", "ec2", "nocloud-net"])
def test_what_comes_over_http_has_no_image(name):
    assert seed_image(CONTEXT, DELIVERIES[name]) == b""


def test_the_label_is_where_the_kernel_and_boot_loaders_read_it():
    image = seed_image(CONTEXT, DELIVERIES["nocloud"])
    assert image[32769:32774] == b"CD001"
    assert image[32808:32840].rstrip(b" ") == b"cidata"
    assert len(image) < 100_000


def test_a_context_that_is_too_large_for_an_image_is_refused(monkeypatch):
    monkeypatch.setattr(seed, "SEED_MAX", 1000)
    with pytest.raises(SeedError, match=r"has \d+ octets with its files, and a seed image takes 1000"):
        seed_image(CONTEXT, DELIVERIES["configdrive"])


def test_another_program_finds_the_same_names(tmp_path):
    if shutil.which("isoinfo") is None:
        missing("isoinfo is not installed: apt-get install genisoimage")
    path = tmp_path / "seed.iso"
    path.write_bytes(seed_image(CONTEXT, DELIVERIES["configdrive"]))
    for names in ("-R", "-J"):
        listed = subprocess.run(
            ["isoinfo", names, "-f", "-i", path], capture_output=True, text=True, check=True, timeout=60
        )
        assert "/openstack/latest/meta_data.json" in listed.stdout.splitlines()
        assert "/ec2/latest/meta-data.json" in listed.stdout.splitlines()
    shown = subprocess.run(
        ["isoinfo", "-R", "-x", "/openstack/content/0000", "-i", path], capture_output=True, check=True, timeout=60
    )
    assert shown.stdout == b"\x00\xff"


_NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-.", min_size=1, max_size=40).filter(
    lambda name: set(name) != {"."}
)


@of_hypothesis(max_examples=30, deadline=None)
@given(st.dictionaries(st.tuples(_NAMES, _NAMES, _NAMES), st.binary(max_size=5000), min_size=1, max_size=12))
def test_every_name_and_every_octet_comes_back(drawn):
    files = {"/".join(path): body for path, body in drawn.items()}
    for kind in ("rr", "joliet"):
        assert contents(iso_image(files, "cidata"), kind)[1] == files
