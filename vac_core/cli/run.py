"""``vac factory run``: the factory itself, in the foreground."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from vac_core.cli.invocation import Invocation, examples, pass_invocation

_F = TypeVar("_F", bound=Callable[..., Any])


def run_options(function: _F) -> _F:
    """The options of ``vac factory run`` and ``vacd``."""
    log_format = click.option(
        "--log-format",
        type=click.Choice(["human", "json"]),
        default="human",
        show_default=True,
        help="How lines of the log, on the error stream, are written.",
    )
    log_level = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        show_default=True,
        help="The least weighty lines that are written.",
    )
    return log_format(log_level(function))


def run(invocation: Invocation, log_format: str, log_level: str) -> int:
    """Run the factory until it is told to end; returns the exit code."""
    from vac_core.factory.daemon import Launch
    from vac_core.factory.daemon import run as run_factory

    return run_factory(
        Launch(
            sources=invocation.paths,
            state_dir=invocation.state_dir,
            block=invocation.block,
            log_format=log_format,
            log_level=log_level,
        )
    )


@click.group(epilog=examples("vac factory run"))
def factory() -> None:
    """Run the factory of this host."""


@factory.command("run", epilog=examples("vac factory run", "vac --state-dir ./state factory run --log-format json"))
@run_options
@pass_invocation
@click.pass_context
def run_command(ctx: click.Context, invocation: Invocation, log_format: str, log_level: str) -> None:
    """Run the factory in the foreground, until SIGTERM or Ctrl-C; its machines go on without it."""
    ctx.exit(run(invocation, log_format, log_level))
