"""Taking away directories in which guests have written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from vac_core.interfaces import PluginError

_SECONDS: Final = 600.0


def remove(directory: Path) -> None:
    """Take a directory away with all that a guest left in it, however deep and whatever its modes.

    Raises `PluginError` where something stays.
    """
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        # rm follows any depth. A guest may have taken away its own permissions.
        for command in (["chmod", "-R", "u+rwX", "--"], ["rm", "-rf", "--"]):
            subprocess.run([*command, str(directory)], check=False, capture_output=True, timeout=_SECONDS)
    if directory.exists():
        raise PluginError(f"{directory} cannot be removed: see who owns what is in it, and remove it by hand")
