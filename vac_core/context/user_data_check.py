"""What is wrong with user data for a way of delivery: found before a machine is made that could do nothing with it."""

from __future__ import annotations

import configparser
import email
import email.errors
import email.message
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import yaml

from vac_core.context.delivery import Delivery
from vac_core.context.user_data_format import Format, UserData, UserDataError, recognise, unpacked

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_READ_BY_CERNVM_ALONE: Final = frozenset({Format.AMICONFIG.value, "text/ucernvm", "text/x-ucernvm"})
_UNDECLARED: Final = frozenset({"text/plain", "text/x-not-multipart", "application/octet-stream"})
_PACKED: Final = frozenset({"application/gzip", "application/x-gzip", "application/x-gunzip", "application/gzipped"})
_SIGN_OF_INCLUDE: Final = re.compile(r"^\s*#include(?:-once)?", re.IGNORECASE)
_WEB: Final = ("http://", "https://", "file://")
_BROKEN: Final = (
    email.errors.NoBoundaryInMultipartDefect,
    email.errors.StartBoundaryNotFoundDefect,
    email.errors.MultipartInvariantViolationDefect,
    email.errors.InvalidBase64LengthDefect,
    email.errors.InvalidBase64CharactersDefect,
)


def user_data_problems(user_data: bytes, delivery: Delivery) -> Sequence[str]:
    """Say what is wrong, one message each, with its mend; nothing for what the guest can use."""
    return list(_problems(user_data, delivery))


def _problems(user_data: bytes, delivery: Delivery) -> Iterator[str]:
    most = delivery.user_data_max
    if most is not None and len(user_data) > most:
        yield (
            f"it has {len(user_data)} octets, and {delivery.name} takes {most}: compress it with gzip, or let it "
            "#include the rest"
        )
    try:
        found = recognise(user_data)
        yield from _of(found, delivery)
    except UserDataError as error:
        yield str(error)
    except RecursionError:
        yield "it is nested too deep"


def _of(found: UserData, delivery: Delivery) -> Iterator[str]:
    if found.format is Format.UNKNOWN:
        readers = "cloud-init" if delivery.cloud_init_only else "CernVM"
        yield f"it is nothing that {readers} knows: let it begin with #!, #cloud-config or another sign of what it is"
    elif found.format is Format.AMICONFIG and delivery.cloud_init_only:
        yield f"it is for amiconfig, which context = {delivery.name} does not reach: set context = cernvm"
    elif found.format is Format.MIME:
        yield from _of_message(found.body, delivery)
    elif problem := _CHECKS.get(found.format, _fine)(found.body):
        yield problem


def _of_message(body: bytes, delivery: Delivery) -> Iterator[str]:
    parts = list(email.message_from_bytes(body).walk())
    leaves = [part for part in parts if not part.is_multipart()]
    found = [_part(leaf) for leaf in leaves]
    for place, one in enumerate(found, 1):
        problem = _CHECKS.get(one.format, _fine)(one.body) if one is not None else ""
        if problem:
            yield f"part {place} of {len(leaves)}: {problem}"
    defects = (defect for part in parts for defect in part.defects if isinstance(defect, _BROKEN))
    yield from (f"as MIME it is broken: {_words(defect)}" for defect in defects)
    unread = {Format.AMICONFIG, None} if delivery.cloud_init_only else {None}
    if all((one.format if one is not None else None) in unread for one in found):
        yield f"it is MIME, and context = {delivery.name} brings none of its {len(leaves)} parts to use"


def _part(part: email.message.Message) -> UserData | None:
    """What a part is; None for what is only for others, such as a part of a type that a part-handler brings."""
    kind = part.get_content_type()
    payload = part.get_payload(decode=True)
    body = payload if isinstance(payload, bytes) else b""
    if kind in _PACKED:
        return recognise(unpacked(body))
    if kind in _UNDECLARED or kind == Format.SCRIPT.value:
        found = recognise(body)
        return found if found.format is not Format.UNKNOWN else None
    if kind in _READ_BY_CERNVM_ALONE:
        return UserData(Format.AMICONFIG, b"")
    try:
        return UserData(Format(kind), body)
    except ValueError:
        return UserData(Format.SCRIPT, body) if kind.startswith("text/x-shellscript-per-") else None


def _words(defect: email.errors.MessageDefect) -> str:
    return (type(defect).__doc__ or type(defect).__name__).strip().rstrip(".")


def _fine(body: bytes) -> str:
    del body
    return ""


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
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False)
    try:
        parser.read_string(body.decode("utf-8", "replace"))
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
