"""``vac completion``: what a shell needs to complete ``vac``'s words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from vac_core.cli.invocation import examples
from vac_core.cli.trouble import Trouble

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog=examples(
        "vac completion bash > /etc/bash_completion.d/vac",
        "vac completion zsh > ~/.zfunc/_vac",
        "vac completion fish > ~/.config/fish/completions/vac.fish",
    )
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    completer = get_completion_class(shell)
    if completer is None:
        raise Trouble(f"this click knows no completion for {shell}")
    root = ctx.find_root()
    click.echo(completer(root.command, {}, "vac", "_VAC_COMPLETE").source())
