"""The programs ``vac`` and ``vacd``: the global options, and the sub-commands that plugins register."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from vac_core import __version__
from vac_core.cli.invocation import DEFAULT_STATE_DIR, Invocation, examples
from vac_core.cli.run import run, run_options
from vac_core.cli.trouble import Trouble
from vac_core.interfaces import PluginError

_F = TypeVar("_F", bound=Callable[..., Any])
_SITE_OPTIONS: Final = ("config", "state_dir", "no_plugin")
"""Eager, as ``--help`` is: which commands there are to be told of depends on the plugins that are blocked."""
_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _site_options(function: _F) -> _F:
    """The options that say which site and which factory is meant."""
    for option in reversed(
        (
            click.option(
                "--config",
                "-c",
                multiple=True,
                is_eager=True,
                envvar="VAC_CONFIG",
                type=click.Path(exists=True, path_type=Path),
                help="Site file, or directory of .conf files; may be given again. "
                "[env: VAC_CONFIG, parted by ':'; default: /etc/vac.d, /etc/vac.conf, /var/run/vac.conf]",
            ),
            click.option(
                "--state-dir",
                is_eager=True,
                envvar="VAC_STATE_DIR",
                default=DEFAULT_STATE_DIR,
                type=click.Path(file_okay=False, path_type=Path),
                help=f"The factory's own directory. [env: VAC_STATE_DIR; default: {DEFAULT_STATE_DIR}]",
            ),
            click.option("--no-plugin", multiple=True, is_eager=True, metavar="NAME", help="Do not load this plugin."),
        )
    ):
        function = option(function)
    return function


def _invocation(ctx: click.Context) -> Invocation:
    """The invocation of a context, made from its options when it is first wanted."""
    if not isinstance(ctx.obj, Invocation):
        given = {name: ctx.params[name] for name in _SITE_OPTIONS if name in ctx.params}
        ctx.obj = Invocation(**_from_environment(ctx), **given)
    return ctx.obj


def _from_environment(ctx: click.Context) -> dict[str, Any]:
    """The site options that ``--help`` came before; what is wrong in the environment is no reason to give no help."""
    found: dict[str, Any] = {}
    for option in ctx.command.params:
        if option.name in _SITE_OPTIONS and option.name not in ctx.params:
            with contextlib.suppress(click.UsageError):
                found[option.name] = option.process_value(ctx, option.value_from_envvar(ctx))
    return {name: value for name, value in found.items() if value}


class InstalledCommands(click.Group):
    """A group whose sub-commands are those that the installed plugins provide."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted(_invocation(ctx).registry.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them."""
        return _invocation(ctx).registry.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; where there is none of its name, tell of plugins that failed: it may be theirs."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            failed = ", ".join(record.name for record in _invocation(ctx).registry.failed)
            if failed:
                said = f"{error.message} (plugins that failed: {failed}; see 'vac plugins')"
                raise click.UsageError(said, ctx) from None
            raise


@click.group(
    cls=InstalledCommands,
    context_settings=_CONTEXT,
    epilog=examples("vac machines", "vac why lhcb", "vac --config ./site.conf --state-dir ./state factory run"),
)
@_site_options
@click.version_option(__version__, prog_name="vac")
@click.pass_context
def cli(ctx: click.Context, /, **_given: object) -> None:
    """Look at and steer Vac: factories that make their own machines, each by itself."""
    _invocation(ctx)


@click.command(context_settings=_CONTEXT, epilog=examples("vacd", "vacd --config /etc/vac.d --log-format json"))
@_site_options
@run_options
@click.version_option(__version__, prog_name="vacd")
@click.pass_context
def daemon(ctx: click.Context, /, log_format: str, log_level: str, **_given: object) -> None:
    """Run the factory of this host in the foreground, as a service manager wants it; same as 'vac factory run'."""
    ctx.exit(run(_invocation(ctx), log_format, log_level))


def main() -> None:
    """Run ``vac``. It exits with 0 where all is well, 1 where a problem was found, 2 where it was called wrongly."""
    _carry_out(cli, "vac")


def vacd() -> None:
    """Run ``vacd``."""
    _carry_out(daemon, "vacd")


def _carry_out(command: click.Command, name: str) -> None:
    try:
        _check_words(sys.argv[1:])
        command(prog_name=name)
    except PluginError as error:
        Trouble(str(error)).show()
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _check_words(words: Sequence[str]) -> None:
    """Refuse words that are no text: they can be sent to no factory, found in no journal and shown on no terminal."""
    for place, word in enumerate(words, start=1):
        try:
            word.encode()
        except UnicodeEncodeError:
            click.echo(f"vac: word {place} of the command is not text in UTF-8: {os.fsencode(word)!r}", err=True)
            sys.exit(2)
