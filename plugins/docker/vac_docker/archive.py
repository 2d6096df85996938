"""Images from archives as ``docker save`` writes them, loaded under a name of our own.

An archive says itself under which names it wants to be known, and loading it as it is would let whoever made it put
another image in the place of anybody's. So what the engine is given is written anew: the files that the manifest names,
and a manifest with our name alone. The format is that of "Docker Image Specification v1.2".
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import IO, Any, Final

import attrs

from vac_core.interfaces import PluginError
from vac_docker.image_name import ARCHIVES

_MANIFEST: Final = "manifest.json"
_MANIFEST_MAX: Final = 4 * 1048576
_LAYERS_MAX: Final = 256


@attrs.frozen(kw_only=True)
class Manifest:
    """Which files of an archive its one image consists of."""

    config: str
    layers: tuple[str, ...]

    @classmethod
    def of(cls, raw: bytes) -> Manifest:
        """Read ``manifest.json``; raises `ValueError` that says what is wrong with it."""
        try:
            (image,) = json.loads(raw)
            config, layers = image["Config"], tuple(image["Layers"])
        except (ValueError, TypeError, KeyError):
            raise ValueError("its manifest.json does not tell of just one image: save one image alone") from None
        if not isinstance(config, str) or not all(isinstance(layer, str) for layer in layers):
            raise ValueError("its manifest.json names no files: make it with docker save")
        if len(layers) > _LAYERS_MAX:
            raise ValueError(f"it has more than {_LAYERS_MAX} layers: make it of fewer")
        return cls(config=config, layers=layers)

    def under(self, reference: str) -> bytes:
        """A manifest of the same image under another name."""
        entry = {"Config": self.config, "RepoTags": [reference], "Layers": list(self.layers)}
        return json.dumps([entry]).encode()


def archive_reference(sha256: str) -> str:
    """The name under which the image of an archive with this digest is kept."""
    return f"{ARCHIVES}:{sha256}"


def digest_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal; raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rewritten(path: Path, reference: str, to: IO[bytes], most_octets: int) -> None:
    """Write to ``to`` what an engine is to load; raises `PluginError` where the archive is no good."""
    try:
        with tarfile.open(path, "r:*") as given, tarfile.open(fileobj=to, mode="w") as taken:
            manifest = Manifest.of(_read(given, _MANIFEST))
            _add(taken, _MANIFEST, manifest.under(reference))
            left = most_octets
            for name in dict.fromkeys((manifest.config, *manifest.layers)):
                left -= _copy(given, _resolved(given, name), taken, name, left)
    except (tarfile.TarError, EOFError, ValueError, OSError) as problem:
        said = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise PluginError(f"the archive {path} cannot be loaded: {said or 'it ends too early'}") from None


def _read(given: tarfile.TarFile, name: str) -> bytes:
    member = _resolved(given, name)
    file = given.extractfile(member)
    if file is None or member.size > _MANIFEST_MAX:
        raise ValueError(f"its {name} is no plain file of a sensible size: make it with docker save")
    return file.read()


def _resolved(given: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """A file of the archive, through one link: ``docker save`` writes a layer that comes twice as a link to itself."""
    try:
        member = given.getmember(name)
        if member.issym() or member.islnk():
            member = given.getmember(_target(member))
    except KeyError:
        raise ValueError(f"it holds no {name}: make it with docker save") from None
    if not member.isreg():
        raise ValueError(f"its {name} is no plain file: make it with docker save")
    return member


def _target(member: tarfile.TarInfo) -> str:
    if member.islnk():
        return member.linkname
    parts = [*Path(member.name).parent.parts, *Path(member.linkname).parts]
    resolved: list[str] = []
    for part in parts:
        if part == "..":
            resolved = resolved[:-1]
        else:
            resolved.append(part)
    return "/".join(resolved)


def _copy(given: tarfile.TarFile, member: tarfile.TarInfo, taken: tarfile.TarFile, name: str, left: int) -> int:
    if member.size > left:
        raise ValueError("it is larger than image_max_gb in [plugin docker] allows: make it smaller, or raise that")
    file = given.extractfile(member)
    if file is None:
        raise ValueError(f"its {name} is no plain file: make it with docker save")
    about = tarfile.TarInfo(name)
    about.size = member.size
    taken.addfile(about, file)
    return member.size


def _add(taken: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(content)
    taken.addfile(about, io.BytesIO(content))


def load(engine: Any, archive: IO[bytes], path: Path) -> None:
    """Have an engine load a rewritten archive; raises `EngineError` or `PluginError`."""
    archive.seek(0)
    client = engine.client(timeout=None)
    try:
        with engine.asked(f"loading the archive {path}"):
            for line in client.load_image(archive):
                if line.get("error"):
                    raise PluginError(f"the archive {path} cannot be loaded: the engine says: {line['error']}")
    finally:
        client.close()
