import pytest

from vac_core.interfaces import Hypervisor
from vac_core.testing import FakeHost, FakeHypervisor, Life, VirtualClock
from vac_core.testing.contracts.hypervisor import HypervisorContract

LIVES = {
    b"stays": Life(),
    b"ends": Life(ends_after=60.0),
    b"stubborn": Life(heeds_stop_after=None),
}


class TestFakeHypervisor(HypervisorContract):
    user_data_stays = b"stays"
    user_data_ends = b"ends"
    user_data_stubborn = b"stubborn"

    @pytest.fixture
    def hypervisor(self):
        self.clock = VirtualClock()
        host = FakeHost(self.clock)
        host.lives = lambda request: LIVES[request.context.user_data]
        return FakeHypervisor(host)

    def again(self, hypervisor: Hypervisor):
        return FakeHypervisor(hypervisor.host)

    def pass_time(self):
        self.clock.advance(30.0)
