"""Machines for the HTTP service to serve, each with the directory that a factory would have made it."""

from __future__ import annotations

from pathlib import Path

from vac_core.context.delivery import Delivery
from vac_core.context.outputs import JOBOUTPUTS
from vac_core.context.trees import metadata_tree
from vac_core.factory.features_files import write_features
from vac_core.factory.web.guests import METADATA, Guest, write_tree
from vac_core.interfaces import Context, Features


class FakeGuests:
    """Machines below one directory, known by the addresses and tokens that a test gives them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._by_address: dict[str, Guest] = {}
        self._by_token: dict[str, Guest] = {}

    def add(
        self,
        context: Context,
        *,
        address: str | None = None,
        token: str | None = None,
        delivery: Delivery | None = None,
    ) -> Guest:
        """Make a machine's directory from its context; what was there of an older one of its id stays."""
        directory = self._directory / context.machine_id
        (directory / JOBOUTPUTS).mkdir(parents=True, exist_ok=True)
        write_features(directory, Features(machinefeatures=context.machinefeatures, jobfeatures=context.jobfeatures))
        write_tree(directory / METADATA, metadata_tree(context, delivery=delivery))
        base = "" if token is None else f"/machines/{token}"
        guest = Guest(machine_id=context.machine_id, directory=directory, http_base=base)
        if address is not None:
            self._by_address[address] = guest
        if token is not None:
            self._by_token[token] = guest
        return guest

    def forget(self, guest: Guest) -> None:
        """The machine has ended: nobody knows it any more."""
        for known in (self._by_address, self._by_token):
            for key in [key for key, one in known.items() if one == guest]:
                del known[key]

    def by_address(self, address: str) -> Guest | None:
        """The machine at an address."""
        return self._by_address.get(address)

    def by_token(self, token: str) -> Guest | None:
        """The machine with a token."""
        return self._by_token.get(token)
