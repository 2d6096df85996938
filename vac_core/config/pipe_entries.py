"""One machinetype of a vacuum pipe: options of any JSON type become the texts that a site file would hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

_MOST_OPTIONS: Final = 200
_LONGEST_VALUE: Final = 65536
_OPTION: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_REMOTE_USER_DATA: Final = ("http://", "https://")
_REMOTE_ROOT_IMAGE: Final = ("docker://", "/cvmfs/", *_REMOTE_USER_DATA)
_FREE_TEXT: Final = "user_data_option_"
_FILE_NAME: Final = "user_data_file_"


@attrs.frozen(kw_only=True)
class PipeEntry:
    """One machinetype of a pipe: its options as they would be written in a site file."""

    options: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    target_share: float = 0.0
    refused: str = ""
    """Why it cannot be used, if it cannot."""


class _EntryError(Exception):
    """An option of the machinetype cannot be used."""


def entry(item: Mapping[str, Any]) -> PipeEntry:
    """Read one machinetype; what is wrong with it is kept in its ``refused``."""
    try:
        options = {_name(key): _text(key, value) for key, value in _bounded(item).items() if key != "suffix"}
        share = _share(options.pop("target_share", "0"))
        for name, value in options.items():
            _keep_paths(name, value)
    except _EntryError as error:
        return PipeEntry(refused=str(error))
    return PipeEntry(options=options, target_share=share)


def _bounded(item: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(item) > _MOST_OPTIONS:
        raise _EntryError(f"it has {len(item)} options: the most is {_MOST_OPTIONS}")
    return item


def _name(key: str) -> str:
    if _OPTION.fullmatch(key) is None:
        raise _EntryError(f"{key[:40]!a} is no name of an option")
    return key


def _text(key: str, value: Any) -> str:
    text = _as_text(value)
    if text is None:
        raise _EntryError(f"{key} is neither a text, a finite number, yes or no, nor a list of texts")
    if len(text) > _LONGEST_VALUE:
        raise _EntryError(f"{key} is longer than {_LONGEST_VALUE} characters")
    free = key.startswith(_FREE_TEXT)
    if not all(one.isprintable() or (free and one in "\n\r\t") for one in text):
        raise _EntryError(f"{key} holds characters that it may not hold, such as line feeds")
    return text if free else text.strip()


def _as_text(value: Any) -> str | None:
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return _number(value)
        case list() if all(isinstance(one, str) for one in value):
            return " ".join(value)
    return None


def _number(value: float) -> str | None:
    try:
        return str(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _share(raw: str) -> float:
    try:
        share = float(raw)
    except ValueError:
        raise _EntryError("target_share is not a number") from None
    if not math.isfinite(share) or share < 0:
        raise _EntryError("target_share is not a finite number from 0 on")
    return share


def _keep_paths(name: str, value: str) -> None:
    """Hold the rules by which no document reaches a file of the host that is not its VO's."""
    bare = name in {"heartbeat_file", "user_data_proxy"} or name.startswith(_FILE_NAME)
    if (bare or name == "cvmfs_repositories") and "/" in value:
        raise _EntryError(f"{name} may not hold '/'")
    if (bare or name in {"user_data", "root_image"}) and not {".", ".."}.isdisjoint(value.split("/")):
        raise _EntryError(f"{name} may not hold '.' or '..' as a part of its path")
    if name == "user_data" and "/" in value and not value.startswith(_REMOTE_USER_DATA):
        raise _EntryError("user_data that holds '/' must begin with http:// or https://")
    if name == "root_image" and "/" in value and not value.startswith(_REMOTE_ROOT_IMAGE):
        raise _EntryError("root_image that holds '/' must begin with docker://, /cvmfs/, http:// or https://")
