"""How long a context takes to become a seed image, against genisoimage run as a command on the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.table import Row
from vac_core.context.delivery import DELIVERIES
from vac_core.context.seed import seed_image
from vac_core.context.trees import metadata_tree
from vac_core.context.user_data_check import user_data_problems
from vac_core.interfaces import Context, ContextFile

_ROUNDS = 50
_USER_DATA = b"#cloud-config\nruncmd:\n" + b"  - [echo, a line of a VO's own]\n" * 300
_CONTEXT = Context(
    machine_id="0f4d5a8e-0001-4000-8000-000000000001",
    hostname="wn01-00.example.org",
    user_data=_USER_DATA,
    metadata={"joboutputs": "http://169.254.169.254/joboutputs"},
    environment={"JOBOUTPUTS": "http://169.254.169.254/joboutputs"},
    public_keys=("ssh-ed25519 AAAA root@example.org",),
    files=(ContextFile(path="/etc/vo/proxy.pem", content=b"PEM\n" * 2000, mode=0o600),),
)


def run() -> Iterator[Row]:
    """Measure with a context of the size that VOs have, and write each image to a disk."""
    with tempfile.TemporaryDirectory(prefix="vac-bench-") as directory:
        place = Path(directory)
        for name in ("nocloud", "configdrive"):
            yield _row(f"seed: context to {name} image on disk", partial(_ours, name, place / "ours.iso"))
            if shutil.which("genisoimage") is not None:
                yield _row(f"seed: the same with genisoimage ({name})", partial(_command, name, place))
        yield _row(
            "seed: checking 10 kB of cloud-config", partial(user_data_problems, _USER_DATA, DELIVERIES["nocloud"])
        )


def _row(what: str, action: Callable[[], object]) -> Row:
    samples = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        action()
        samples.append(1000 * (time.perf_counter() - begin))
    return Row(what=what, unit="ms", samples=samples)


def _ours(name: str, to: Path) -> None:
    to.write_bytes(seed_image(_CONTEXT, DELIVERIES[name], random_seed=os.urandom(512)))


def _command(name: str, place: Path) -> None:
    """What a shell script would do: lay the files out, and have the command make an image of them."""
    delivery, files = DELIVERIES[name], place / "files"
    for path, body in metadata_tree(_CONTEXT, random_seed=os.urandom(512)).items():
        top, _, rest = path.partition("/")
        if top in delivery.on_image:
            file = files / delivery.on_image[top] / rest
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
    words = ["genisoimage", "-quiet", "-J", "-R", "-V", delivery.label, "-o", str(place / "theirs.iso"), str(files)]
    subprocess.run(words, check=True)
    shutil.rmtree(files)
