"""The page of commands, made from the click commands that the installed plugins provide."""

from __future__ import annotations

from collections.abc import Iterator

import click

from vac_core.cli.main import cli, daemon

_WIDTH = 100


def page() -> str:
    """All commands in Markdown, each with what its ``--help`` says."""
    lines = ["# Commands", "", "What each command's `--help` says. `vacd` is the daemon alone, for a service manager."]
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
