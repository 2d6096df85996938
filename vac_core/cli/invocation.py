"""What one ``vac`` was given: site files, state directory, blocked plugins, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import click

from vac_core.cli.trouble import Trouble
from vac_core.config.blocked import blocked_plugins
from vac_core.config.sources import default_sources, expand
from vac_core.plugins import Registry, load_plugins

if TYPE_CHECKING:
    from vac_core.cli.client import Control
    from vac_core.config.load import Loaded
    from vac_core.config.schema import Site
    from vac_core.factory.state_dir import StateDir

DEFAULT_STATE_DIR: Final = Path("/var/lib/vac")


def _absolute(path: Path) -> Path:
    return path.absolute()


@attrs.define(slots=False, kw_only=True)
class Invocation:
    """The global options of one ``vac``, and what they lead to, each found out when it is first asked for."""

    config: tuple[Path, ...] = ()
    state_dir: Path = attrs.field(default=DEFAULT_STATE_DIR, converter=_absolute)
    """Absolute: machines run elsewhere, and find their files by it."""
    no_plugin: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The site files, and directories of such, that were named or are usual; a file may appear there later."""
        return self.config or default_sources()

    @cached_property
    def sources(self) -> Sequence[Path]:
        """The site files, in the order in which they are read."""
        return expand(self.paths)

    @cached_property
    def block(self) -> frozenset[str]:
        """Names of plugins that are not to be loaded, by the site or by ``--no-plugin``."""
        return blocked_plugins(self.sources) | frozenset(self.no_plugin)

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins."""
        return load_plugins(self.block)

    @property
    def blocked_in_vain(self) -> tuple[str, ...]:
        """Names that are blocked though no installed plugin has them: misspelt, it may be."""
        return tuple(sorted(self.block - {record.name for record in self.registry.records}))

    @cached_property
    def loaded(self) -> Loaded:
        """The site files as read, with the copies of vacuum pipes that the factory keeps, and all that is wrong."""
        from vac_core.config.load import load
        from vac_core.factory.pipe_files import kept_documents

        sets, files = self.registry.option_sets, self.state.machinetypes
        loaded = load(self.sources, sets, machinetypes_dir=files)
        if loaded.site is None or not loaded.site.pipes:
            return loaded
        documents = kept_documents(self.state.pipes_cache, loaded.site.pipes)
        return load(self.sources, sets, documents, machinetypes_dir=files)

    @property
    def site(self) -> Site:
        """The site; raises `Trouble` with every problem where its files cannot be used."""
        site = self.loaded.site
        if site is None:
            lines = [str(problem) for problem in self.loaded.problems if problem.is_error]
            raise Trouble("the site files cannot be used:\n" + "\n".join(f"  {line}" for line in lines))
        return site

    @property
    def state(self) -> StateDir:
        """The factory's own directory."""
        from vac_core.factory.state_dir import StateDir

        return StateDir(self.state_dir)

    @property
    def control(self) -> Control:
        """The running factory's control service."""
        from vac_core.cli.client import Control

        return Control(self.state.control_socket)


pass_invocation = click.make_pass_decorator(Invocation)
"""Give a command the `Invocation` as its first argument."""


def examples(*lines: str) -> str:
    """The examples at the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
