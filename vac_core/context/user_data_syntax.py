"""Whether user data of one format can be read by what is made to read it: each check says what is wrong, or nothing."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Callable, Mapping
from typing import Final

import yaml

from vac_core.context.user_data_format import Format, recognise

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SIGN_OF_INCLUDE: Final = re.compile(r"^\s*#include(?:-once)?", re.IGNORECASE)
_FOR_THE_BOOT_LOADER: Final = re.compile(rb"^\[ucernvm-begin\].*?^\[ucernvm-end\][^\n]*$", re.DOTALL | re.MULTILINE)
_WEB: Final = ("http://", "https://", "file://")


def syntax_problem(kind: Format, body: bytes) -> str:
    """What is wrong with a text of this format; empty for nothing that can be seen."""
    check = _CHECKS.get(kind)
    return "" if check is None else check(body)


def _script(body: bytes) -> str:
    first = body.partition(b"\n")[0]
    if not first.startswith(b"#!"):
        return "there is white space before its #!, so that it cannot be run: remove it"
    if not first[2:].strip().startswith(b"/"):
        return "its first line names no interpreter: write #! and the whole path of one"
    return ""


def _cloud_config(body: bytes) -> str:
    return _yaml_of(body, yaml.MappingNode, "a mapping of keys to values", "#cloud-config")


def _archive(body: bytes) -> str:
    return _yaml_of(body, yaml.SequenceNode, "a list of parts", "#cloud-config-archive")


def _yaml_of(body: bytes, kind: type[yaml.Node], what: str, sign: str) -> str:
    """The text is only parsed: no value is made of it, so none can be made too large."""
    try:
        root = yaml.compose(body, Loader=_LOADER)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark is not None else ""
        said = getattr(error, "problem", None) or str(error).partition("\n")[0]
        return f"its {sign} is not YAML:{line} {said}"
    if root is None or isinstance(root, kind):
        return ""
    return f"its {sign} is not {what}"


def _patch(body: bytes) -> str:
    try:
        document = json.loads(body.lstrip().partition(b"\n")[2])
    except ValueError as error:
        return f"its #cloud-config-jsonp is not JSON: {error}"
    return "" if isinstance(document, list) else "its #cloud-config-jsonp is not a list"


def _include(body: bytes) -> str:
    lines = (_SIGN_OF_INCLUDE.sub("", line).strip() for line in body.decode("utf-8", "replace").splitlines())
    return "" if any(line.startswith(_WEB) for line in lines) else "its #include names no URL: write one on each line"


def _amiconfig(body: bytes) -> str:
    """What stands beside the lines for CernVM's boot loader may be a script or anything else that it runs."""
    rest = _FOR_THE_BOOT_LOADER.sub(b"", body)
    found = recognise(rest).format
    if found not in {Format.AMICONFIG, Format.UNKNOWN}:
        return syntax_problem(found, rest.lstrip())
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False)
    try:
        parser.read_string(rest.decode("utf-8", "replace"))
    except configparser.Error as error:
        return f"amiconfig cannot read it: {str(error).splitlines()[0]}"
    return ""


_CHECKS: Final[Mapping[Format, Callable[[bytes], str]]] = {
    Format.SCRIPT: _script,
    Format.CLOUD_CONFIG: _cloud_config,
    Format.CLOUD_CONFIG_ARCHIVE: _archive,
    Format.CLOUD_CONFIG_PATCH: _patch,
    Format.INCLUDE: _include,
    Format.INCLUDE_ONCE: _include,
    Format.AMICONFIG: _amiconfig,
}
