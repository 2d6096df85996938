"""What each hook may return: its kind of object, and what is wrong with one that is not fit to be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import attrs
import click

from vac_core.config.schema import MachineType, VacuumPipe
from vac_core.config.vocabulary import in_both
from vac_core.interfaces import Contextualiser, Hypervisor, Observer, OptionSet, PeerFinder, Policy

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECTIONS: Final = ("plugin", "machinetype")


def _nothing_more(_one: Any, _plugin: str) -> str | None:
    return None


def _hypervisor(one: Hypervisor, _plugin: str) -> str | None:
    models = getattr(one, "machine_models", None)
    if not isinstance(models, frozenset | set | tuple | list) or not all(isinstance(model, str) for model in models):
        return f"its machine_models are {models!r}: give a frozenset of names"
    return None


def _option_set(one: OptionSet, plugin: str) -> str | None:
    if one.section not in _SECTIONS:
        return f"its section is {one.section!r}: write one of {', '.join(_SECTIONS)}"
    if one.section == "plugin" and one.name != plugin:
        return f"it describes [plugin {one.name}], which is not its own section: name it {plugin}"
    if not (isinstance(one.schema, type) and attrs.has(one.schema)):
        return f"its schema is {one.schema!r}: give an attrs class"
    if one.section == "machinetype":
        taken = sorted({*in_both(one.schema, MachineType), *in_both(one.schema, VacuumPipe)})
        if taken:
            return f"it declares {', '.join(taken)}, which the core declares already: take another name"
    return None


@attrs.frozen
class Kind:
    """One kind of object that plugins provide: the hook that returns it, its interface, and its further check."""

    name: str
    hook: str
    interface: type[Any]
    further: Callable[[Any, str], str | None] = _nothing_more

    def wrong(self, one: object, plugin: str) -> str | None:
        """Say why an object that a plugin returned cannot be used; None where nothing is wrong with it."""
        if not isinstance(one, self.interface):
            return f"{self.hook} returned {one!r}, which is no {self.interface.__name__}"
        name = getattr(one, "name", None)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return (
                f"{self.hook} returned a {type(one).__name__} whose name is {name!r}: "
                "give it a name of letters, digits, '.', '_' and '-'"
            )
        trouble = self.further(one, plugin)
        return f"{self.hook} returned {name!r}, which cannot be used: {trouble}" if trouble else None

    def key(self, one: Any) -> str:
        """The name by which an object is known; of options, the heading under which they stand."""
        return f"{one.section} {one.name}" if isinstance(one, OptionSet) else str(one.name)


KINDS: Final = (
    Kind("hypervisor", "vac_hypervisors", Hypervisor, _hypervisor),
    Kind("contextualiser", "vac_contextualisers", Contextualiser),
    Kind("peer_finder", "vac_peer_finders", PeerFinder),
    Kind("policy", "vac_policies", Policy),
    Kind("observer", "vac_observers", Observer),
    Kind("command", "vac_commands", click.Command),
    Kind("options", "vac_options", OptionSet, _option_set),
)
"""Every hook, in the order in which a plugin's objects are collected."""
