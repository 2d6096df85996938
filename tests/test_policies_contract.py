"""The core's own policies keep what every policy keeps."""

import pytest

from vac_core.builtin.policies import vac_policies
from vac_core.testing import PolicyContract


class TestBuiltInPolicies(PolicyContract):
    @pytest.fixture(params=vac_policies(), ids=lambda policy: policy.name)
    def policy(self, request):
        return request.param
