"""What grid sites need beside machines: X.509 proxies for them, and commands."""

from __future__ import annotations

from collections.abc import Iterable

import click

from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Contextualiser
from vac_grid.commands import grid
from vac_grid.user_data import GridUserData


@hookimpl
def vac_contextualisers() -> Iterable[Contextualiser]:
    """Offer ``grid``."""
    return [GridUserData()]


@hookimpl
def vac_commands() -> Iterable[click.Command]:
    """Offer ``vac grid``."""
    return [grid]
