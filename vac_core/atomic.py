"""Files that are replaced whole: whoever reads one finds the old content or the new, never a part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """Put ``content`` at ``path``, with just the permissions ``mode``; its directory must be there.

    It outlives the daemon's death, but not necessarily the host's: what must is put into the journal.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Make a file with just the permissions ``mode``; raises `FileExistsError` where there is one already."""
    with path.open("xb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
