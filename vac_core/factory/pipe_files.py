"""The last good copy of each vacuum pipe, kept as a file so that it outlives restarts."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs

from vac_core.config.pipes import PipeDocument, PipeError, parse
from vac_core.config.schema import VacuumPipe


@attrs.frozen(kw_only=True)
class Kept:
    """A vacuum pipe that was fetched and found good."""

    url: str
    checked: float
    """When its server last said that this is the document."""
    body: bytes = attrs.field(repr=False)
    etag: str | None = None
    last_modified: str | None = None
    document: PipeDocument = attrs.field(init=False, repr=False)

    @document.default
    def _parsed(self) -> PipeDocument:
        """Raises `PipeError`: what is no vacuum pipe cannot be kept."""
        return parse(self.body)


@attrs.frozen
class PipeFiles:
    """One file for each prefix: JSON with the URL, its validators and the document."""

    directory: Path

    def read(self, prefix: str) -> Kept | None:
        """The copy that was kept; None where there is none, or none that can be used."""
        try:
            held = json.loads(self._path(prefix).read_bytes())
            return Kept(
                url=str(held["url"]),
                checked=float(held["checked"]),
                body=str(held["body"]).encode(),
                etag=_text(held["etag"]),
                last_modified=_text(held["last_modified"]),
            )
        except (OSError, ValueError, TypeError, KeyError, RecursionError, PipeError):
            return None

    def write(self, prefix: str, kept: Kept) -> None:
        """Replace the copy as a whole; raises `OSError`, and then the earlier copy is still there."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = attrs.asdict(kept, filter=lambda field, _: field.name not in {"body", "document"})
        descriptor, name = tempfile.mkstemp(prefix=f".{prefix}.", dir=self.directory)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({**held, "body": kept.body.decode()}, file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path(prefix))
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def _path(self, prefix: str) -> Path:
        return self.directory / f"{prefix}.json"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def kept_documents(directory: Path, pipes: Mapping[str, VacuumPipe]) -> dict[str, PipeDocument]:
    """The copies that are kept of these pipes, by prefix, without asking their servers."""
    kept = {prefix: PipeFiles(directory).read(prefix) for prefix in pipes}
    return {
        prefix: one.document
        for prefix, one in kept.items()
        if one is not None and one.url == pipes[prefix].vacuum_pipe_url
    }
