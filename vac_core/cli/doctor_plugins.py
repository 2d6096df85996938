"""What ``vac doctor`` asks the plugins: whether they loaded, work on this host, and can make the machinetypes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from vac_core.cli.asking import own_name
from vac_core.cli.findings import Finding, Verdict, ok, problem, warning, within
from vac_core.cli.prospects import Prospect
from vac_core.config.schema import Site
from vac_core.interfaces import Home, Named
from vac_core.model import Health, HealthState
from vac_core.plugins import PluginState, Registry

_DEADLINE_SECONDS: Final = 30.0
_MADE_WITH: Final = ("hypervisor", "contextualiser")


def loading(registry: Registry) -> Iterator[Finding]:
    """Whether each installed plugin could be loaded."""
    for record in registry.records:
        what = f"plugin {record.name}"
        if record.state is PluginState.FAILED:
            yield problem(
                what, record.error, f"mend or uninstall {record.distribution}, or use --no-plugin {record.name}"
            )
        else:
            yield ok(what, f"{record.distribution} {record.version} {record.state}".strip())


def blocked(in_vain: Iterable[str], registry: Registry) -> Iterator[Finding]:
    """Blocked names that no plugin has."""
    known = ", ".join(record.name for record in registry.records)
    for name in in_vain:
        yield warning(f"plugin {name}", "it is blocked, and not installed", f"mend its name if it is one of: {known}")


def named_by_site(registry: Registry, site: Site) -> Iterator[Finding]:
    """Whether what [settings] names is provided by some plugin."""
    for option, names, offered in (
        ("policies", site.settings.policies, registry.policies),
        ("peer_finders", site.settings.peer_finders, registry.peer_finders),
    ):
        for name in names:
            if name not in offered:
                known = ", ".join(sorted(offered)) or "none"
                yield problem(option, f"no plugin provides '{name}'", f"install its plugin, or use one of: {known}")


def health(registry: Registry, site: Site, found: Mapping[str, Prospect]) -> Iterator[Finding]:
    """Each object's own word on this host; one that cannot work and that no machinetype needs is no problem.

    Objects are started with a directory that is thrown away, so that a factory that runs here is not disturbed.
    """
    for kind, objects in (
        ("hypervisor", registry.hypervisors),
        ("contextualiser", registry.contextualisers),
        ("peer_finder", {name: registry.peer_finders.get(name) for name in site.settings.peer_finders}),
        ("policy", {name: registry.policies.get(name) for name in site.settings.policies}),
        ("observer", registry.observers),
    ):
        for name, one in sorted(objects.items()):
            if isinstance(one, Named):
                what = f"{kind} {name}"
                said = _health(what, one, site, registry.owner(kind, name))
                spare = kind in _MADE_WITH and not any(what in one.made_with for one in found.values())
                yield _not_needed(said) if spare else said


def _not_needed(said: Finding) -> Finding:
    if said.verdict is not Verdict.PROBLEM:
        return said
    return warning(said.what, f"{said.found} (no machinetype needs it)", said.mend)


def _health(what: str, one: Named, site: Site, plugin: str) -> Finding:
    try:
        with tempfile.TemporaryDirectory(prefix="vac-doctor-") as directory:
            home = home_of(Path(directory), site, plugin)
            found = within(_DEADLINE_SECONDS, lambda: _asked(one, home))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises is a finding about it
        return problem(what, f"{type(error).__name__}: {error}", f"see plugin {plugin}'s documentation")
    if found.state is HealthState.UNUSABLE:
        return problem(what, found.found or "unusable", found.mend)
    if found.state is HealthState.DEGRADED:
        return warning(what, found.found or "degraded", found.mend)
    return ok(what, found.found or "healthy")


def _asked(one: Named, home: Home) -> Health:
    one.start(home)
    try:
        health = one.health()
        if not isinstance(health, Health):
            raise TypeError(f"health() returned {type(health).__name__}, not Health")
        return health
    finally:
        one.stop()


def home_of(directory: Path, site: Site, plugin: str) -> Home:
    """What an object of a plugin is given to start with, for a command: an empty directory stands for its own."""
    machines = directory / "machines"
    machines.mkdir()
    return Home(
        state_dir=directory,
        machines_dir=machines,
        factory=own_name(site.settings),
        space=site.settings.vac_space,
        settings=lambda: site.settings,
        options=lambda: site.plugin_options.get(plugin),
    )


def machinetypes(site: Site, found: Mapping[str, Prospect]) -> Iterator[Finding]:
    """Whether each machinetype can be made on this host."""
    for name, reason in sorted(site.disabled.items()):
        yield problem(f"machinetype {name}", reason, "see 'vac config check'")
    for name, one in sorted(found.items()):
        what = f"machinetype {name}"
        if one.faults:
            yield problem(what, "; ".join(one.faults), "mend its options; until then it is disabled alone")
        elif one.missing:
            yield warning(what, "; ".join(one.missing), "put it there, or mend the option: until then none is made")
        else:
            yield ok(what, f"made with {' and '.join(one.made_with)}")
