"""How a command says that something is wrong which its user can mend."""

from __future__ import annotations

import click


class Trouble(click.ClickException):
    """Something is wrong that the user can mend: it is told in a line, and the command exits with 1."""

    def show(self, file: object = None) -> None:
        """Tell it on the error stream."""
        del file
        click.echo(f"vac: {self.format_message()}", err=True)
