"""A contextualiser for machines that greet somebody and end."""

from collections.abc import Iterable

from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Context, ContextRequest, Contextualiser, MachineTypeError

PROGRAM = """#!/bin/sh
echo "hello {whom}, from {machine}" > "$JOBOUTPUTS/greeting"
printf '200 Intended work completed ok' > "$JOBOUTPUTS/shutdown_message"
"""


class Greeting(Contextualiser):
    name = "greeting"

    def context(self, request: ContextRequest) -> Context:
        machine, machinetype = request.machine, request.machinetype
        whom = machinetype.user_data_option.get("whom", "")
        if not whom.isalnum():
            raise MachineTypeError(f"machinetype {machinetype.name}: set user_data_option_whom to one word")
        return request.answer(PROGRAM.format(whom=whom, machine=machine.name).encode())


@hookimpl
def vac_contextualisers() -> Iterable[Contextualiser]:
    return [Greeting()]
