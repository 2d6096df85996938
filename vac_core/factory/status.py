"""What a running factory tells its commands: JSON-ready values, with no secret in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vac_core import __version__
from vac_core.factory.factory import Factory
from vac_core.factory.records import machine_as_json
from vac_core.plugins import Registry
from vac_core.situation import Abort, Situation


def status(factory: Factory, registry: Registry, started: float) -> dict[str, Any]:
    """Everything at one look: ``GET /status`` of the control socket."""
    now, source = factory.given.clock(), factory.given.source
    trades = factory.decider.trades(factory.site, now)
    situation = factory.decider.situation(factory.site, trades, now)
    return {
        **_itself(factory, started, now),
        **_capacity(situation),
        "config": {"read": source.read_at, "problems": list(source.problems), "stale": source.stale},
        "plugins": [record.as_json() for record in registry.records],
        "peers": {
            "heard": situation.factories_heard,
            "silent": factory.peers.silent(),
            "polled": factory.peers.polled,
        },
        "totals": {name: _total(name, factory, situation) for name in sorted(situation.totals)},
        "machines": machines(factory),
        "disabled": dict(trades.disabled),
        "why": why(factory),
        "http": {"url": factory.given.service_url()},
        "troubles": troubles(factory),
    }


def _itself(factory: Factory, started: float, now: float) -> dict[str, Any]:
    settings = factory.site.settings
    drain = factory.draining.in_force(settings)
    return {
        "factory": factory.given.name,
        "space": settings.vac_space,
        "version": __version__,
        "pid": os.getpid(),
        "started": started,
        "now": now,
        "draining": drain.on,
        "drain_until": drain.until,
    }


def _capacity(situation: Situation) -> dict[str, Any]:
    return {
        "capacity": {
            "processors": situation.capacity.processors,
            "busy": situation.busy_processors,
            "free": situation.free_processors,
        },
        "load_averages": list(situation.capacity.load_averages),
    }


def _total(name: str, factory: Factory, situation: Situation) -> dict[str, Any]:
    machinetype = factory.site.machinetypes.get(name)
    total = situation.totals[name]
    return {
        "target_share": None if machinetype is None else machinetype.target_share,
        "group": None if machinetype is None else machinetype.group,
        "running_hs06": total.running_hs06,
        "running_machines": total.running_machines,
        "num_before_fizzle": total.num_before_fizzle,
        "last_abort": _abort(total.last_abort),
    }


def _abort(abort: Abort | None) -> dict[str, Any] | None:
    if abort is None:
        return None
    return {"time": abort.time, "factory": abort.factory, "outcome": str(abort.outcome)}


def machines(factory: Factory) -> list[dict[str, Any]]:
    """The machines that hold a slot, in the order of their slots."""
    return [machine_as_json(machine) for machine in sorted(factory.roster.alive, key=lambda machine: machine.slot)]


def why(factory: Factory) -> dict[str, Any]:
    """The latest decision and its reasons: ``GET /why``."""
    if factory.decider.plan is None:
        return {"now": factory.given.clock(), "host": [], "machinetypes": [], "end": None, "starts": [], "failures": {}}
    return factory.decider.plan.as_json()


def troubles(factory: Factory) -> Mapping[str, str]:
    """Whatever goes wrong at present, by what it befell; an object by its kind and name, as ``hypervisor docker``.

    A hypervisor that is installed and not used may be as it is.
    """
    unneeded = factory.given.crew.unneeded(factory.site.machinetypes.values(), factory.roster.unfinished)
    indifferent = {f"hypervisor {name}" for name in unneeded}
    return {what: trouble for what, trouble in _troubles(factory).items() if what not in indifferent}


def _troubles(factory: Factory) -> Mapping[str, str]:
    policy_failures = factory.decider.plan.failures if factory.decider.plan else {}
    background = {} if factory.background.trouble is None else {"background": factory.background.trouble}
    return {
        **{line.partition(" (")[0]: line for line in factory.given.crew.missing},
        **factory.given.crew.unusable,
        **{f"hypervisor {name}": trouble for name, trouble in factory.watcher.troubles.items()},
        **{f"peer_finder {name}": trouble for name, trouble in factory.peers.troubles.items()},
        **{f"observer {name}": trouble for name, trouble in factory.herald.troubles.items()},
        **factory.follower.troubles,
        **factory.ender.troubles,
        **{f"looking at machine {machine_id}": trouble for machine_id, trouble in factory.lookout.failing.items()},
        **{f"policy {name}": why for name, why in policy_failures.items()},
        **background,
        **factory.troubles,
    }
