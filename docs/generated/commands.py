"""The page of commands, made from the click commands that the installed plugins provide."""

from __future__ import annotations

from collections.abc import Iterator

import click

from vac_core.cli.main import cli, daemon

_WIDTH = 100
_ABOUT = (
    "What each command's `--help` says. `vacd` is the daemon alone, for a service manager.",
    "",
    "A command exits with 0 where all is well, with 1 where a problem was found or something could not be done, and",
    "with 2 where it was called wrongly. Results go to the output stream, everything else to the error stream.",
    "`--json` gives the same facts to programs. Colours are for terminals alone, and for none with `NO_COLOR` set;",
    "where the output is no terminal, a line of a table stays one line.",
)


def page() -> str:
    """All commands in Markdown, each with what its ``--help`` says."""
    lines = ["# Commands", "", *_ABOUT]
    for path, command in [*walk(cli, "vac"), ("vacd", daemon)]:
        lines += ["", f"## {path}", "", "```text", _help(path, command), "```"]
    return "\n".join([*lines, ""])


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from walk(below, f"{path} {name}")


def _help(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, terminal_width=_WIDTH, max_content_width=_WIDTH)
    return command.get_help(context)
