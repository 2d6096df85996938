"""The contract suites: what every object of each interface must keep, as tests to subclass."""

from vac_core.testing.contracts.contextualiser import ContextualiserContract
from vac_core.testing.contracts.hypervisor import HypervisorContract
from vac_core.testing.contracts.observer import ObserverContract
from vac_core.testing.contracts.peer_finder import PeerFinderContract
from vac_core.testing.contracts.policy import PolicyContract

__all__ = ["ContextualiserContract", "HypervisorContract", "ObserverContract", "PeerFinderContract", "PolicyContract"]
