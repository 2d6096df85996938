"""What is wrong with user data for a way of delivery: found before a machine is made that could do nothing with it."""

from __future__ import annotations

import email
import email.errors
import email.message
from collections.abc import Iterator, Sequence
from typing import Final

from vac_core.context.delivery import Delivery
from vac_core.context.user_data_format import Format, UserData, UserDataError, recognise, unpacked
from vac_core.context.user_data_syntax import syntax_problem

_READ_BY_CERNVM_ALONE: Final = frozenset({Format.AMICONFIG.value, "text/ucernvm", "text/x-ucernvm"})
_UNDECLARED: Final = frozenset({"text/plain", "text/x-not-multipart", "application/octet-stream"})
_PACKED: Final = frozenset({"application/gzip", "application/x-gzip", "application/x-gunzip", "application/gzipped"})
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
    elif problem := syntax_problem(found.format, found.body):
        yield problem


def _of_message(body: bytes, delivery: Delivery) -> Iterator[str]:
    parts = list(email.message_from_bytes(body).walk())
    leaves = [part for part in parts if not part.is_multipart()]
    found = [_part(leaf) for leaf in leaves]
    for place, one in enumerate(found, 1):
        problem = syntax_problem(one.format, one.body) if one is not None else ""
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
