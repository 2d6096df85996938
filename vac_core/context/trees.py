"""The metadata of a machine as a tree: path to body, for every reader that guests bring with them.

One tree serves cloud-init's NoCloud, ConfigDrive, OpenStack and Ec2 data sources, CernVM's boot loader and amiconfig,
and what Vac 3 served. Served over HTTP, ``latest`` also answers to any date (`vac_core.context.listings`); as a seed
image, its ``nocloud/``, or its ``openstack/`` and ``ec2/``, are laid on a disk.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from vac_core.context.additions import joined, vendor_data
from vac_core.context.delivery import Delivery
from vac_core.interfaces import Context

ZONE: Final = "vac"
"""Stands where clouds name a region or an availability zone."""

_LEAF: Final = re.compile(r"(?!(?:placement|public-keys)\Z)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
"""A further key of the metadata that can be a file of EC2's ``meta-data/``, and is no directory there."""


def metadata_tree(
    context: Context, *, random_seed: bytes = b"", delivery: Delivery | None = None
) -> Mapping[str, bytes]:
    """Every file of a machine's metadata, by its path without a leading slash.

    ``random_seed`` is what a guest may stir into its random numbers; with none the key is left out. Where the delivery
    has no place for what the site adds, that is joined to the user data of EC2's service. Raises `UserDataError` where
    it cannot be.
    """
    served = joined(context) if delivery is not None and _joins(delivery) else context.user_data
    return {
        **_under("nocloud", nocloud(context)),
        **_under("openstack", openstack(context, random_seed=random_seed)),
        **_under("ec2/latest", _ec2_documents(context)),
        **_under("latest", {**ec2(context), "user-data": served}),
    }


def _joins(delivery: Delivery) -> bool:
    return delivery.cloud_init_only and not delivery.has_vendor_data


def nocloud(context: Context) -> Mapping[str, bytes]:
    """``meta-data``, ``user-data`` and ``vendor-data`` of the NoCloud data source, also over HTTP (NoCloud-net)."""
    metadata = {
        "instance-id": context.machine_id,
        "local-hostname": context.hostname,
        "public-keys": list(context.public_keys),
        "meta": dict(context.metadata),
    }
    return {
        "meta-data": _json(metadata),  # JSON is YAML too
        "user-data": context.user_data,
        "vendor-data": vendor_data(context),
    }


def openstack(context: Context, *, random_seed: bytes = b"") -> Mapping[str, bytes]:
    """What stands below ``openstack/``, on a config drive or over HTTP, with Vac 3's names beside the right ones."""
    metadata = _openstack_metadata(context)
    if random_seed:
        metadata["random_seed"] = base64.b64encode(random_seed).decode("ascii")
    vendor = vendor_data(context).decode("ascii")
    tree = {
        "latest/meta_data.json": _json(metadata),
        "latest/user_data": context.user_data,
        "latest/vendor_data.json": _json({"cloud-init": vendor} if vendor else {}),
        "latest/vendor_data2.json": _json({}),
        "latest/meta-data.json": _json(metadata),
        "latest/user-data": context.user_data,
    }
    return tree | {_content_path(place): file.content for place, file in enumerate(context.files)}


def ec2(context: Context) -> Mapping[str, bytes]:
    """What stands below ``latest/`` of an EC2 metadata service; the further metadata are leaves of ``meta-data/``."""
    leaves = {name: text for name, text in context.metadata.items() if _LEAF.fullmatch(name)} | {
        "ami-id": "ami-vac",
        "ami-launch-index": "0",
        "hostname": context.hostname,
        "instance-id": context.machine_id,
        "instance-type": ZONE,
        "local-hostname": context.hostname,
        "placement/availability-zone": ZONE,
        "placement/region": ZONE,
    }
    leaves |= {f"public-keys/{place}/openssh-key": key for place, key in enumerate(context.public_keys)}
    identity = {"instanceId": context.machine_id, "region": ZONE, "availabilityZone": ZONE}
    return {
        **_under("meta-data", {name: text.encode() for name, text in leaves.items()}),
        **_ec2_documents(context),
        "dynamic/instance-identity/document": _json(identity),
    }


def _ec2_documents(context: Context) -> Mapping[str, bytes]:
    metadata = _openstack_metadata(context) | {
        "instance-id": context.machine_id,
        "local-hostname": context.hostname,
        "public-keys": {f"vac{place}": [key] for place, key in enumerate(context.public_keys)},
    }
    return {"meta-data.json": _json(metadata), "user-data": context.user_data}


def _openstack_metadata(context: Context) -> dict[str, Any]:
    metadata = {
        "uuid": context.machine_id,
        "hostname": context.hostname,
        "name": context.hostname,
        "launch_index": 0,
        "availability_zone": ZONE,
        "public_keys": {f"vac{place}": key for place, key in enumerate(context.public_keys)},
        "meta": dict(context.metadata),
    }
    files = [{"content_path": f"/{_content_path(n)}", "path": file.path} for n, file in enumerate(context.files)]
    return metadata | ({"files": files} if files else {})


def _content_path(place: int) -> str:
    return f"content/{place:04d}"


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True, indent=1, sort_keys=True).encode("ascii")


def _under(directory: str, tree: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{directory}/{path}": body for path, body in tree.items()}
