"""For plugin authors: fakes that keep their promises, and one contract suite for each interface.

Install ``vac-core[testing]``. Subclass a suite and give it the fixture it asks for::

    class TestMyHypervisor(HypervisorContract):
        @pytest.fixture
        def hypervisor(self):
            return MyHypervisor()
"""

import pytest

pytest.register_assert_rewrite("vac_core.testing.contracts")

from vac_core.testing.clock import VirtualClock  # noqa: E402 - the contracts' assertions are rewritten first
from vac_core.testing.contextualiser import FakeContextualiser  # noqa: E402
from vac_core.testing.contracts import (  # noqa: E402
    ContextualiserContract,
    HypervisorContract,
    ObserverContract,
    PeerFinderContract,
    PolicyContract,
)
from vac_core.testing.host import FakeHost, Life  # noqa: E402
from vac_core.testing.hypervisor import FakeHypervisor  # noqa: E402
from vac_core.testing.loop import VirtualTimeLoop, run_virtual  # noqa: E402
from vac_core.testing.makers import (  # noqa: E402
    NOW,
    context,
    context_request,
    create_request,
    factory_report,
    home,
    machine,
    machinetype,
    settings,
    situation,
    space_view,
)
from vac_core.testing.observer import FakeObserver  # noqa: E402
from vac_core.testing.peers import FakePeerFinder, FakeSpace  # noqa: E402
from vac_core.testing.policy import FakePolicy  # noqa: E402

__all__ = [
    "NOW",
    "ContextualiserContract",
    "FakeContextualiser",
    "FakeHost",
    "FakeHypervisor",
    "FakeObserver",
    "FakePeerFinder",
    "FakePolicy",
    "FakeSpace",
    "HypervisorContract",
    "Life",
    "ObserverContract",
    "PeerFinderContract",
    "PolicyContract",
    "VirtualClock",
    "VirtualTimeLoop",
    "context",
    "context_request",
    "create_request",
    "factory_report",
    "home",
    "machine",
    "machinetype",
    "run_virtual",
    "settings",
    "situation",
    "space_view",
]
