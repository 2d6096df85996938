"""From a decision to start a machinetype to the machine as it is journalled."""

from __future__ import annotations

import secrets
import uuid

from vac_core.config.schema import MachineType, Settings
from vac_core.decide.values import Start
from vac_core.factory.binding import Binding
from vac_core.model import Machine

_TOKEN_OCTETS = 24


def new_machine(
    start: Start, machinetype: MachineType, settings: Settings, *, binding: Binding, factory: str, slot: int, now: float
) -> Machine:
    """A machine with an id and a token that no other has, in its slot of this factory."""
    drawn = uuid.uuid4()
    return Machine(
        id=str(drawn) if binding.delivery is None else binding.delivery.machine_id(drawn),
        name=slot_name(factory, slot),
        slot=slot,
        machinetype=machinetype.name,
        machine_model=machinetype.machine_model,
        hypervisor=binding.hypervisor.name,
        processors=start.processors,
        hs06_per_processor=settings.hs06_per_processor or 1.0,
        memory_bytes=start.processors * machinetype.bytes_per_processor(settings),
        created=now,
        shutdown_time=start.shutdown_time,
        fqan=machinetype.accounting_fqan,
        token=secrets.token_urlsafe(_TOKEN_OCTETS),
    )


def slot_name(factory: str, slot: int) -> str:
    """The host name of a slot, as Vac 3 makes it: ``wn01.example.org`` and 3 give ``wn01-03.example.org``."""
    host, dot, domain = factory.partition(".")
    return f"{host}-{slot:02d}{dot}{domain}"
