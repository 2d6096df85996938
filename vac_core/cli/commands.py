"""The core's own sub-commands of ``vac``, registered as any plugin registers its own."""

from __future__ import annotations

from collections.abc import Iterable

import click

from vac_core.cli.completion import completion
from vac_core.cli.contextualise import contextualise
from vac_core.cli.doctor import doctor
from vac_core.cli.history import history
from vac_core.cli.images import images
from vac_core.cli.logs import logs
from vac_core.cli.plugins import plugins
from vac_core.cli.run import factory
from vac_core.cli.site import config
from vac_core.cli.space import factories, machines, machinetype
from vac_core.cli.steering import drain, stop, undrain
from vac_core.cli.watching import top
from vac_core.cli.why import why
from vac_core.hookspecs import hookimpl


@hookimpl
def vac_commands() -> Iterable[click.Command]:
    """Offer the core's own commands."""
    return [
        completion,
        config,
        contextualise,
        doctor,
        drain,
        factories,
        factory,
        history,
        images,
        logs,
        machines,
        machinetype,
        plugins,
        stop,
        top,
        undrain,
        why,
    ]
