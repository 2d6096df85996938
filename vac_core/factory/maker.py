"""Making one machine: its directory, features and context, and then the machine itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.context.delivery import Delivery
from vac_core.context.features import features
from vac_core.context.outputs import JOBOUTPUTS
from vac_core.context.trees import metadata_tree
from vac_core.context.user_data_check import user_data_problems
from vac_core.factory.binding import Binding
from vac_core.factory.calls import Calls
from vac_core.factory.faults import Faults
from vac_core.factory.features_files import write_features
from vac_core.factory.roster import Roster
from vac_core.factory.shared_files import write_shared
from vac_core.factory.state_dir import StateDir
from vac_core.factory.web.guests import write_tree
from vac_core.interfaces import Context, ContextRequest, CreateRequest, Features, MachineTypeError, PluginError, Urls
from vac_core.model import Happening, Machine, Outcome
from vac_core.powers import MEDIA, CarriesMedia, ServesGuests

_log = logging.getLogger(__name__)

CREATION_DEADLINE_SECONDS: Final = 600.0
ADDRESS_DEADLINE_SECONDS: Final = 10.0
ADDRESS: Final = "address"
"""Detail of a machine: the IP address that it has to itself."""
METADATA: Final = "metadata"
_SEED_OCTETS: Final = 512
_WEB: Final = ("http://", "https://")


@attrs.frozen(kw_only=True)
class Order:
    """Everything that the making of one machine needs."""

    machine: Machine
    machinetype: MachineType
    binding: Binding
    settings: Settings
    host_processors: int
    service_url: str
    """Where guests find the factory's HTTP service, with no slash at the end."""
    fetch: Callable[[str, Settings], bytes]


class Maker:
    """Makes machines in the background; `in_creation` holds the ids of those under way."""

    def __init__(
        self, state: StateDir, roster: Roster, faults: Faults, calls: Calls, clock: Callable[[], float]
    ) -> None:
        self._state = state
        self._roster = roster
        self._faults = faults
        self._calls = calls
        self._clock = clock
        self.in_creation: set[str] = set()

    async def make(self, order: Order) -> None:
        """Make a machine whose intent is journalled, and journal what came of it."""
        machine = order.machine
        what, lane = f"creation of {machine.name} ({machine.id})", f"making {order.machinetype.name}"
        try:
            known = await self._known_by_address(order)
            build = partial(self._build, known)
            details = await self._calls(build, deadline=CREATION_DEADLINE_SECONDS, what=what, lane=lane)
        except PluginError as error:
            self._failed(order, error)
        else:
            self._faults.forgive(order.machinetype.name)
            self._roster.happen(machine.id, Happening.CREATED, details={**known.machine.details, **details})
        finally:
            self.in_creation.discard(machine.id)

    async def _known_by_address(self, order: Order) -> Order:
        """Write down the address of a machine that has one to itself, before it can call from there."""
        hypervisor, machine = order.binding.hypervisor, order.machine
        if not isinstance(hypervisor, ServesGuests):
            return order
        what = f"the address of {machine.name} ({machine.id})"
        address = await self._calls(
            partial(hypervisor.address_of, machine), deadline=ADDRESS_DEADLINE_SECONDS, what=what
        )
        if not address:
            return order
        machine = attrs.evolve(machine, details={**machine.details, ADDRESS: str(address)})
        self._roster.freshen(machine)
        self._roster.save()
        return attrs.evolve(order, machine=machine)

    def _failed(self, order: Order, error: PluginError) -> None:
        now = self._clock()
        if isinstance(error, MachineTypeError):
            self._faults.disable(order.machinetype, str(error))
        else:
            self._faults.hold(order.machinetype, str(error), now)
        _log.error("%s machine %s could not be made: %s", order.machinetype.name, order.machine.name, error)
        self._roster.happen(
            order.machine.id, Happening.CREATION_FAILED, str(error), ended=now, outcome=Outcome(None, str(error))
        )

    def _build(self, order: Order) -> Mapping[str, str]:
        machine, hypervisor = order.machine, order.binding.hypervisor
        directory = self._state.machine(machine.id)
        directory.mkdir(mode=0o700)
        (directory / JOBOUTPUTS).mkdir()
        paths = hypervisor.features_for(machine, directory)
        given = _features(order)
        write_features(directory, given)
        context = _context(order, given, paths or urls_of(machine, order.service_url))
        _refuse_uncarried(context, order)
        if context.shared is not None:
            write_shared(directory, context.shared)
        if paths is None or paths.machinefeatures.startswith(_WEB):
            tree = metadata_tree(context, random_seed=os.urandom(_SEED_OCTETS), delivery=order.binding.delivery)
            write_tree(directory / METADATA, tree)
        request = CreateRequest(
            machine=machine,
            machinetype=order.machinetype,
            settings=order.settings,
            context=context,
            directory=directory,
        )
        details = {**context.details, **hypervisor.create(request)}
        return {str(name): str(value) for name, value in details.items()}


def _features(order: Order) -> Features:
    power = order.settings.hs06_per_processor
    return features(
        order.machine,
        order.machinetype,
        order.settings,
        host_processors=order.host_processors,
        host_hs06=None if power is None else power * order.host_processors,
        now=order.machine.created,
    )


def _context(order: Order, given: Features, urls: Urls) -> Context:
    request = ContextRequest(
        machine=order.machine,
        machinetype=order.machinetype,
        settings=order.settings,
        features=given,
        urls=urls,
        fetch=lambda url: order.fetch(url, order.settings),
    )
    context = order.binding.contextualiser.context(request)
    if order.binding.delivery is not None:
        _refuse_unfit(context, order.binding.delivery, order.machinetype)
    return context


def _refuse_unfit(context: Context, delivery: Delivery, machinetype: MachineType) -> None:
    """It is tried again later, as what the VO publishes may change at any time."""
    if problems := user_data_problems(context.user_data, delivery):
        raise PluginError(f"user_data of machinetype {machinetype.name} cannot be used: {'; '.join(problems)}")


def _refuse_uncarried(context: Context, order: Order) -> None:
    hypervisor = order.binding.hypervisor
    carried = hypervisor.media if isinstance(hypervisor, CarriesMedia) else frozenset()
    wanted = {"shared": context.shared is not None, "floppy": bool(context.floppy), "cdrom": bool(context.cdrom)}
    if missing := [medium for medium in MEDIA if wanted[medium] and medium not in carried]:
        raise MachineTypeError(
            f"machinetype {order.machinetype.name}: its context has {', '.join(missing)}, which the hypervisor "
            f"{hypervisor.name} cannot give to a machine: choose another machine_model or contextualiser"
        )


def urls_of(machine: Machine, service_url: str) -> Urls:
    """Where the HTTP service shows a machine what is its own."""
    base = f"{service_url}/machines/{machine.token}"
    return Urls(
        machinefeatures=f"{base}/machinefeatures", jobfeatures=f"{base}/jobfeatures", joboutputs=f"{base}/joboutputs"
    )
