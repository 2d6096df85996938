"""The plugin keeps to what every contextualiser must, and greets."""

import pytest

from vac_core.config.schema import MachineType
from vac_core.interfaces import Contextualiser
from vac_core.testing import ContextualiserContract, machinetype
from vac_greeting import Greeting


class TestGreeting(ContextualiserContract):
    @pytest.fixture
    def contextualiser(self) -> Contextualiser:
        return Greeting()

    def machinetype(self) -> MachineType:
        return machinetype(user_data_option={"whom": "world"})

    def bad_machinetype(self) -> MachineType:
        return machinetype(user_data_option={})

    def test_the_machine_greets(self, started: Contextualiser) -> None:
        assert b"hello world, from wn01-00.example.org" in started.context(self.request()).user_data
