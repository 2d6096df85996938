"""Machines as rows of the journal: values to JSON text and back."""

from __future__ import annotations

import json
from typing import Any

import attrs

from vac_core.model import Machine, MachineState, Outcome


def machine_to_text(machine: Machine) -> str:
    """All of a machine as JSON, the secret token included: the journal's file is private."""
    return json.dumps(attrs.asdict(machine))


def machine_from_text(text: str) -> Machine:
    """The machine that `machine_to_text` wrote."""
    fields: dict[str, Any] = json.loads(text)
    fields["state"] = MachineState(fields["state"])
    if fields["outcome"] is not None:
        fields["outcome"] = Outcome(**fields["outcome"])
    known = {field.name for field in attrs.fields(Machine)}
    return Machine(**{name: value for name, value in fields.items() if name in known})


def machine_as_json(machine: Machine) -> dict[str, Any]:
    """A machine as it is shown to people: no secrets, and the outcome as its text."""
    shown = attrs.asdict(machine, filter=lambda attribute, _: attribute.name != "token")
    shown["hs06"] = machine.hs06
    shown["outcome"] = None if machine.outcome is None else str(machine.outcome)
    return shown
