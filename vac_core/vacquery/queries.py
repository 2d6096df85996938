"""The three queries of VacQuery as one value (HSF-TN-2016-04, section "VacQuery")."""

from __future__ import annotations

import enum
from typing import Final

import attrs

from vac_core import __version__
from vac_core.vacquery.wire import COOKIE, NAME, TEXT, key

VACQUERY_VERSION: Final = "VacQuery 01.03"
"""The version whose keys these are: it added machine_model to machine_status."""


def program_version(program: str) -> str:
    """How a program of ours names itself: product, version and program, parted by spaces as VacMon wants it."""
    return f"Vac {__version__} {program}"


class QueryKind(enum.StrEnum):
    """What can be asked; the query's message_type is this with ``_query``."""

    FACTORY = "factory"
    MACHINES = "machines"
    MACHINETYPES = "machinetypes"


@attrs.frozen(kw_only=True)
class Query:
    """A question to one factory."""

    kind: QueryKind
    cookie: str = key("Comes back in each status, to show that its sender got the query.", COOKIE)
    space: str = key("The space: factories of others do not answer.", NAME)
    vac_version: str = key("Product, version and program that asks.", TEXT, program_version("vac-command"))
    vacquery_version: str = key("Version of the protocol.", TEXT, VACQUERY_VERSION)
    to: str = key(
        "New. The factory that is asked, so that a signed query serves for no other.", NAME, "", omitted_if_empty=True
    )
    no_status: str = key(
        "New. Says that the sender understands the message no_status.", TEXT, "", omitted_if_empty=True
    )
