"""A machine's context as files for somebody else's cloud, engine or volunteers' computers.

A table of ways, and one function that lays a context out in one of them. What a way has no place for is joined to the
user data, as `vac_core.context.additions` does it.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Final

import attrs

from vac_core.context import boinc_job
from vac_core.context.additions import joined
from vac_core.context.delivery import DELIVERIES
from vac_core.context.seed import seed_image
from vac_core.context.trees import metadata_tree
from vac_core.interfaces import Context

USER_DATA: Final = "user-data"


class ExportError(ValueError):
    """A context cannot be had in the way that is wanted; the message says why, and the mend."""


@attrs.frozen(kw_only=True)
class Way:
    """How a context is laid out."""

    name: str
    delivery: str = ""
    """The one of `vac_core.context.delivery` whose image or limits hold; empty for directories of a container."""
    image: str = ""
    """What the seed image is called; empty where somebody else's service brings the metadata."""
    with_job: bool = False
    """Whether a BOINC application's job file goes with it."""
    for_many: bool = False
    """Whether many machines are made of it, so that it can name none."""
    use: str = ""
    """How it is used."""


WAYS: Final[Mapping[str, Way]] = {
    one.name: one
    for one in (
        Way(name="nocloud", delivery="nocloud", image="seed.iso", use="attach seed.iso as a CD-ROM"),
        Way(name="configdrive", delivery="configdrive", image="seed.iso", use="attach seed.iso as a disk"),
        Way(name="cernvm", delivery="cernvm", image="seed.iso", use="attach seed.iso as a CD-ROM"),
        Way(
            name="openstack",
            delivery="openstack",
            for_many=True,
            use="openstack server create --user-data user-data ...",
        ),
        Way(name="ec2", delivery="ec2", for_many=True, use="aws ec2 run-instances --user-data fileb://user-data ..."),
        Way(
            name="boinc",
            delivery="nocloud",
            image="vm_isocontext.iso",
            with_job=True,
            for_many=True,
            use="put vm_isocontext.iso and vbox_job.xml into the application's files, beside its vm_image.vdi",
        ),
        Way(name="docker", use="docker run with user_data, machinefeatures and jobfeatures bound"),
    )
}


def exported(context: Context, way: Way) -> Mapping[str, tuple[bytes, int]]:
    """Each file's content and mode, by its relative path. Raises `ExportError`."""
    if not way.delivery:
        return _container(context)
    if way.image:
        return _with_image(context, way)
    user_data, most = joined(context), DELIVERIES[way.delivery].user_data_max
    if most is not None and len(user_data) > most:
        user_data = gzip.compress(user_data, mtime=0)  # every reader of such user data unpacks it
    if most is not None and len(user_data) > most:
        raise ExportError(
            f"the user data is {len(user_data)} octets compressed, and {way.name} takes {most}: "
            "publish it at a URL, and give '#include URL' as user data"
        )
    return {USER_DATA: (user_data, 0o600)}


def _with_image(context: Context, way: Way) -> Mapping[str, tuple[bytes, int]]:
    delivery = DELIVERIES[way.delivery]
    if not delivery.has_vendor_data:
        context = attrs.evolve(context, user_data=joined(context), files=(), environment={})
    tree = {path: (body, 0o600) for path, body in metadata_tree(context).items() if _top(path) in delivery.on_image}
    job = {boinc_job.NAME: (boinc_job.vbox_job(context), 0o600)} if way.with_job else {}
    return {**tree, **job, USER_DATA: (context.user_data, 0o600), way.image: (seed_image(context, delivery), 0o600)}


def _top(path: str) -> str:
    return path.partition("/")[0]


def _container(context: Context) -> Mapping[str, tuple[bytes, int]]:
    """As containers of Vac's see them: features as directories, further files below ``files/``."""
    features = {
        **{f"machinefeatures/{key}": text for key, text in context.machinefeatures.items()},
        **{f"jobfeatures/{key}": text for key, text in context.jobfeatures.items()},
    }
    return {
        "user_data": (context.user_data, 0o700),
        **{path: (text.encode(), 0o644) for path, text in features.items()},
        **{f"files{file.path}": (file.content, file.mode) for file in context.files},
    }
