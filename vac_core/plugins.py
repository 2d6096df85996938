"""Find the installed plugins, keep each one's failure to itself, and list what they provide.

Plugins are entry points of the group ``vac``; name = backend, value = module. They are loaded one by one, because one
broken import would stop pluggy's own loader, and asked one by one, because one raising implementation would lose
every other's result. The core's own come first, then the others by name, so that no plugin takes the place of another
by its spelling: whoever comes second with a name is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points
from typing import Any, Final

import attrs
import click
import pluggy

from vac_core import hookspecs
from vac_core.config.vocabulary import in_both
from vac_core.interfaces import Contextualiser, Hypervisor, Observer, OptionSet, PeerFinder, PluginError, Policy
from vac_core.kinds import KINDS, Kind

GROUP: Final = "vac"
_OWN_DISTRIBUTION: Final = "vac-core"


class PluginState(enum.StrEnum):
    """What became of an installed plugin."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class PluginRecord:
    """One installed plugin: where it is from, what it provides, and why it does not where it failed.

    A failed plugin may still provide something: what it registered well is used, what it registered badly is not.
    """

    name: str
    version: str = ""
    distribution: str = ""
    provides: tuple[str, ...] = ()
    """Each as kind and name, such as ``hypervisor process``."""
    state: PluginState = PluginState.ACTIVE
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The record as the control service and ``vac plugins --json`` show it."""
        return attrs.asdict(self) | {"provides": list(self.provides), "state": str(self.state)}


@attrs.frozen(kw_only=True)
class Registry:
    """All that the installed plugins provide, by kind and name."""

    records: tuple[PluginRecord, ...] = ()
    hypervisors: Mapping[str, Hypervisor] = attrs.field(factory=dict)
    contextualisers: Mapping[str, Contextualiser] = attrs.field(factory=dict)
    peer_finders: Mapping[str, PeerFinder] = attrs.field(factory=dict)
    policies: Mapping[str, Policy] = attrs.field(factory=dict)
    observers: Mapping[str, Observer] = attrs.field(factory=dict)
    commands: Mapping[str, click.Command] = attrs.field(factory=dict)
    option_sets: tuple[OptionSet, ...] = ()
    owners: Mapping[tuple[str, str], str] = attrs.field(factory=dict)

    def owner(self, kind: str, name: str) -> str:
        """Name of the plugin that provides an object, such as ``owner("policy", "backoff")``.

        Raises `KeyError` where no plugin does.
        """
        return self.owners[kind, name]

    @property
    def failed(self) -> tuple[PluginRecord, ...]:
        """The plugins that failed, wholly or in part."""
        return tuple(record for record in self.records if record.state is PluginState.FAILED)


def load_plugins(block: Collection[str] = (), entry_points: Iterable[EntryPoint] | None = None) -> Registry:
    """Load every installed plugin whose name is not in ``block``; nothing that a plugin does raises here.

    ``entry_points`` stands in for those of the installed distributions.
    """
    found = installed_entry_points(group=GROUP) if entry_points is None else entry_points
    shelf = _Shelf()
    for entry_point in sorted(found, key=_order):
        shelf.add(entry_point, blocked=entry_point.name in block)
    return shelf.registry()


def _order(entry_point: EntryPoint) -> tuple[bool, str, str, str]:
    distribution = _distribution(entry_point)
    return (distribution != _OWN_DISTRIBUTION, entry_point.name, distribution, entry_point.value)


def _distribution(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else ""


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class _Shelf:
    """Registers plugins one after the other and keeps what each provides."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._objects: dict[str, dict[str, Any]] = {kind.name: {} for kind in KINDS}
        self._owners: dict[tuple[str, str], str] = {}
        self._records: dict[str, PluginRecord] = {}
        self._refused: list[PluginRecord] = []

    def add(self, entry_point: EntryPoint, *, blocked: bool) -> None:
        """Load one plugin, or record why not."""
        record = PluginRecord(
            name=entry_point.name,
            version=entry_point.dist.version if entry_point.dist else "",
            distribution=_distribution(entry_point),
        )
        if blocked:
            record = attrs.evolve(record, state=PluginState.BLOCKED)
        elif trouble := self._register(entry_point):
            record = attrs.evolve(record, state=PluginState.FAILED, error=trouble)
        else:
            record = self._collect(record)
        if entry_point.name in self._records:
            self._refused.append(record)
        else:
            self._records[entry_point.name] = record

    def registry(self) -> Registry:
        """What was collected."""
        objects = self._objects
        return Registry(
            records=tuple(sorted([*self._records.values(), *self._refused], key=lambda record: record.name)),
            hypervisors=objects["hypervisor"],
            contextualisers=objects["contextualiser"],
            peer_finders=objects["peer_finder"],
            policies=objects["policy"],
            observers=objects["observer"],
            commands=objects["command"],
            option_sets=tuple(objects["options"].values()),
            owners=self._owners,
        )

    def _register(self, entry_point: EntryPoint) -> str | None:
        """Import a plugin and check the hooks that it names; say what is wrong with it, if anything."""
        name = entry_point.name
        if name in self._records:
            return (
                f"{_distribution(entry_point)} and {self._records[name].distribution} both have a plugin named {name}: "
                "uninstall one of them"
            )
        try:
            plugin = entry_point.load()
            self._manager.register(plugin, name=name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin's import does stays its own failure
            return f"cannot load {entry_point.value}: {_said(error)}"
        unknown = sorted(
            caller.name
            for caller in self._manager.get_hookcallers(plugin) or ()
            if not caller.has_spec() and not all(one.optionalhook for one in caller.get_hookimpls())
        )
        if unknown:
            self._manager.unregister(plugin)
            return f"there is no hook {', '.join(unknown)}: the hooks are {', '.join(kind.hook for kind in KINDS)}"
        return None

    def _collect(self, record: PluginRecord) -> PluginRecord:
        """Ask a plugin for its objects; keep those that are fit to be used and name what is wrong with the rest."""
        provides: list[str] = []
        wrong: list[str] = []
        for kind in KINDS:
            try:
                for one in self._ask(record.name, kind):
                    trouble = kind.wrong(one, record.name) or self._taken(kind, one, record)
                    if trouble:
                        wrong.append(trouble)
                        continue
                    key = kind.key(one)
                    self._objects[kind.name][key] = one
                    self._owners[kind.name, key] = record.name
                    provides.append(f"{kind.name} {key}")
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a raising hook loses only its own objects
                wrong.append(f"{kind.hook} {error if isinstance(error, PluginError) else f'raised {_said(error)}'}")
        state = PluginState.FAILED if wrong else PluginState.ACTIVE
        return attrs.evolve(record, provides=tuple(provides), state=state, error="; ".join(wrong))

    def _ask(self, name: str, kind: Kind) -> Iterator[object]:
        """Call one hook of one plugin alone."""
        others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name]
        for answer in self._manager.subset_hook_caller(kind.hook, remove_plugins=others)():
            if isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
                raise PluginError(f"returned {answer!r}: it must return a list of objects")
            yield from answer

    def _taken(self, kind: Kind, one: Any, record: PluginRecord) -> str | None:
        """Say who has the name of an object already, if anybody."""
        key = kind.key(one)
        holder = self._owners.get((kind.name, key))
        if holder is None:
            return self._clash(one, record) if isinstance(one, OptionSet) else None
        if holder == record.name:
            return f"it provides the {kind.name} {key} twice"
        return f"{self._both(record, holder)} provide the {kind.name} {key}: block one of them"

    def _clash(self, one: OptionSet, record: PluginRecord) -> str | None:
        """Say which options of machinetypes another set has already, if any: each must have one meaning."""
        for key, other in self._objects["options"].items():
            shared = in_both(one.schema, other.schema) if one.section == other.section == "machinetype" else ()
            if shared:
                holder, named = self._owners["options", key], ", ".join(shared)
                if holder == record.name:
                    return f"it declares {named} of machinetypes twice"
                return f"{self._both(record, holder)} declare {named} of machinetypes: block one of them"
        return None

    def _both(self, record: PluginRecord, holder: str) -> str:
        return f"{record.name} ({record.distribution}) and {holder} ({self._records[holder].distribution}) both"
