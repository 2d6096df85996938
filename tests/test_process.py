import pytest

from vac_core.builtin.process import ProcessHypervisor
from vac_core.builtin.process.options import ProcessPlugin
from vac_core.testing import home as make_home
from vac_core.testing.contracts.hypervisor import HypervisorContract


class TestProcessHypervisor(HypervisorContract):
    user_data_bad = b"\x00\x01 not a program"

    @pytest.fixture
    def hypervisor(self):
        return ProcessHypervisor()


class TestProcessHypervisorWithoutCgroups(HypervisorContract):
    user_data_bad = b"#!/no/such/interpreter\n"

    @pytest.fixture
    def home(self, tmp_path):
        return make_home(tmp_path, options=ProcessPlugin(cgroup="no"))

    @pytest.fixture
    def hypervisor(self):
        return ProcessHypervisor()
