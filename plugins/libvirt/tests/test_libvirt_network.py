"""Machines' network through libvirt's own test driver, which keeps networks in this process and moves no packets."""

from __future__ import annotations

import socket
import xml.etree.ElementTree as ET
from contextlib import contextmanager

import attrs
import libvirt
import pytest
from vac_libvirt.event_loop import ensure_running
from vac_libvirt.network import FEWEST_RESERVATIONS, SlotNetwork
from vac_libvirt.network_making import ensure_network
from vac_libvirt.network_on_host import OnHost
from vac_libvirt.network_options import NetworkOptions, ipv4_subnet
from vac_libvirt.network_plan import NetworkPlan
from vac_libvirt.network_xml import reserved

from vac_core.interfaces import PluginError
from vac_core.testing import create_request, home, machine, settings

PLAN = NetworkPlan(options=NetworkOptions(), factory="wn01.example.org", slots=2)

FOREIGN = (
    "<network><name>{name}</name><bridge name='virbr1'/><ip address='169.254.169.253' prefix='16'>{dhcp}</ip></network>"
)
SITE_S_OWN = "<network><name>default</name><bridge name='virbr0'/></network>"
SITE_S_DHCP = "<dhcp><host mac='56:4D:A9:FE:A9:01' ip='169.254.1.1'/></dhcp>"


@pytest.fixture
def connection(tmp_path):
    """A host of the driver's that is nobody else's."""
    ensure_running()
    described = tmp_path / "host.xml"
    described.write_text(f"<node>{SITE_S_OWN}</node>")
    found = libvirt.open(f"test://{described}")
    yield found
    found.close()


@pytest.fixture
def network_of(connection, tmp_path):
    """A function that gives the network part for these options and settings."""

    @contextmanager
    def use(what):
        yield connection

    def make(options=None, **changes):
        at = attrs.evolve(home(tmp_path), settings=lambda: settings(**{"total_processors": 2, **changes}))
        return SlotNetwork(use, at, lambda: options or NetworkOptions())

    return make


@pytest.fixture
def request_for(tmp_path):
    at = home(tmp_path)
    return lambda slot: create_request(at, machine(slot))


class Somewhere(OnHost):
    """A host with addresses and a DNS server as a test says: the driver's networks are on none."""

    def __init__(self, here):
        self.here = here

    def has(self, address):
        return self.here

    def is_served(self, address):
        return self.here


def ensured(connection, plan=PLAN, *, here=True, may_mend=True):
    return ensure_network(connection, plan, may_mend=may_mend, on_host=Somewhere(here))


def described(connection, name=PLAN.name):
    return ET.fromstring(connection.networkLookupByName(name).XMLDesc(0))


def test_a_network_that_is_not_there_is_made(connection):
    assert ensured(connection) == ""
    assert [one.name for one in reserved(described(connection))] == ["wn01-00.example.org", "wn01-01.example.org"]
    assert connection.networkLookupByName(PLAN.name).isPersistent() == 0


def test_a_network_that_is_as_it_should_be_is_left_alone(connection):
    ensured(connection)
    uuid = connection.networkLookupByName(PLAN.name).UUIDString()
    assert ensured(connection) == ""
    assert connection.networkLookupByName(PLAN.name).UUIDString() == uuid


def test_a_network_that_was_destroyed_is_made_again(connection):
    ensured(connection)
    connection.networkLookupByName(PLAN.name).destroy()
    ensured(connection)
    assert connection.networkLookupByName(PLAN.name).isActive() == 1


def test_a_network_of_ours_that_is_only_defined_is_started(connection):
    ensured(connection)
    xml = connection.networkLookupByName(PLAN.name).XMLDesc(0)
    connection.networkLookupByName(PLAN.name).destroy()
    connection.networkDefineXML(xml)
    ensured(connection)
    assert connection.networkLookupByName(PLAN.name).isActive() == 1


def test_a_few_more_slots_get_reservations_while_machines_run(connection):
    ensured(connection)
    uuid = connection.networkLookupByName(PLAN.name).UUIDString()
    assert ensured(connection, attrs.evolve(PLAN, slots=4)) == ""
    assert len(reserved(described(connection))) == 4
    assert ensured(connection, attrs.evolve(PLAN, slots=3)) == ""
    assert len(reserved(described(connection))) == 4
    assert connection.networkLookupByName(PLAN.name).UUIDString() == uuid


def test_many_more_slots_wait_for_a_network_that_is_free_but_those_that_are_needed(connection):
    ensured(connection)
    one = run_machine(connection)
    trouble = ensured(connection, attrs.evolve(PLAN, slots=200, needed=frozenset({150})))
    assert "197 slots have no reservation yet: it is made anew when the 1 machines on it have ended" in trouble
    assert [found.ip for found in reserved(described(connection))][2:] == ["169.254.169.150"]
    one.destroy()
    assert ensured(connection, attrs.evolve(PLAN, slots=200)) == ""
    assert len(reserved(described(connection))) == 200


def test_a_factory_s_new_name_is_given_to_its_slots(connection):
    ensured(connection)
    renamed = attrs.evolve(PLAN, factory="wn02.example.org")
    assert ensured(connection, renamed) == ""
    assert [one.name for one in reserved(described(connection))] == ["wn02-00.example.org", "wn02-01.example.org"]


def test_a_network_that_is_of_another_shape_is_made_anew(connection):
    ensured(connection)
    assert ensured(connection, attrs.evolve(PLAN, forward_dev="eth1")) == ""
    assert described(connection).find("forward").get("dev") == "eth1"


def test_a_network_that_lost_an_address_is_made_anew(connection):
    ensured(connection)
    uuid = connection.networkLookupByName(PLAN.name).UUIDString()
    ensured(connection, here=False)
    assert connection.networkLookupByName(PLAN.name).UUIDString() != uuid


def run_machine(connection):
    source = f"<source network='{PLAN.name}'/><target dev='vnet0'/>"
    return connection.createXML(
        "<domain type='test'><name>wn01-00</name><memory>1024</memory><os><type>hvm</type></os>"
        f"<devices><interface type='network'>{source}</interface></devices></domain>"
    )


def test_it_is_not_made_anew_under_machines_that_use_it(connection):
    ensured(connection)
    run_machine(connection)
    trouble = ensured(connection, attrs.evolve(PLAN, forward_dev="eth1", slots=4))
    assert len(reserved(described(connection))) == 4
    assert "nat to eth1 is wanted: it is made anew when the 1 machines on it have ended" in trouble
    assert described(connection).find("forward").get("dev") is None


def test_a_network_of_another_subnet_goes_when_its_machines_have_ended(connection):
    other = attrs.evolve(PLAN, options=NetworkOptions(subnet=ipv4_subnet("10.89.0.0/24")))
    ensured(connection)
    one = run_machine(connection)
    with pytest.raises(PluginError, match=r"of another subnet, has 1 machines on it: vac_10.89.0.0 is made when they"):
        ensured(connection, other)
    one.destroy()
    assert ensured(connection, other) == ""
    assert {one.name() for one in connection.listAllNetworks()} == {"default", "vac_10.89.0.0"}


def test_another_s_network_of_the_same_name_is_left_alone(connection):
    connection.networkCreateXML(FOREIGN.format(name=PLAN.name, dhcp=""))
    before = connection.networkLookupByName(PLAN.name).XMLDesc(0)
    with pytest.raises(PluginError, match=r"was not made by this Vac: remove it with virsh net-destroy"):
        ensured(connection)
    assert connection.networkLookupByName(PLAN.name).XMLDesc(0) == before


def test_where_vac_may_mend_nothing_it_only_looks(connection):
    with pytest.raises(PluginError, match="is not there, and fix_networking is no"):
        ensured(connection, may_mend=False)
    assert [one.name() for one in connection.listAllNetworks()] == ["default"]
    connection.networkCreateXML(FOREIGN.format(name=PLAN.name, dhcp=""))
    assert "2 slots have no reservation (fix_networking is no)" in ensured(connection, may_mend=False)
    connection.networkLookupByName(PLAN.name).destroy()
    ensured(connection)
    assert ensured(connection, may_mend=False) == ""


def test_a_machine_s_interface_is_kept_to_its_slot_s_addresses(network_of, request_for):
    [interface] = network_of().interfaces(request_for(7))
    assert interface.mac == "56:4d:a9:fe:a9:07"
    assert (interface.network, interface.bridge) == ("vac_169.254.0.0", "")
    assert interface.filter == "vac-machine"
    assert interface.filter_parameters == (("IP", "169.254.169.7"),)
    assert interface.isolated


def test_a_slot_far_beyond_a_hundred_is_reserved_when_it_is_needed(network_of, request_for, connection):
    network = network_of()
    network.ensure()
    assert len(reserved(described(connection))) == FEWEST_RESERVATIONS
    [interface] = network.interfaces(request_for(300))
    assert interface.filter_parameters[0] == ("IP", "169.254.170.46")
    assert [one.mac for one in reserved(described(connection))].count(interface.mac) == 1


def test_a_slot_that_no_address_is_left_for_is_refused(network_of, request_for):
    network = network_of(NetworkOptions(subnet=ipv4_subnet("10.89.0.0/28")))
    with pytest.raises(PluginError, match="slot 13 has no address"):
        network.interfaces(request_for(13))
    with pytest.raises(PluginError, match="slot 13 has no address"):
        network.address_of(machine(13))


def test_the_service_is_looked_for_on_vac_s_own_network_alone(network_of):
    assert network_of().service_addresses() == [("169.254.169.254", 80), ("169.254.169.253", 80)]
    assert network_of().address_of(machine(3)) == "169.254.169.3"
    assert network_of().urls().joboutputs == "http://169.254.169.254/joboutputs"
    site_s = network_of(NetworkOptions(bridge="br0"))
    assert (site_s.service_addresses(), site_s.urls(), site_s.serves()) == ((), None, False)


def test_a_site_s_network_is_used_as_it_is(network_of, request_for, connection):
    connection.networkCreateXML(FOREIGN.format(name="grid", dhcp=SITE_S_DHCP))
    before = connection.networkLookupByName("grid").XMLDesc(0)
    network = network_of(NetworkOptions(network="grid"))
    [known] = network.interfaces(request_for(1))
    [unknown] = network.interfaces(request_for(2))
    assert (known.network, known.filter, known.isolated) == ("grid", "clean-traffic", True)
    assert known.filter_parameters == (("IP", "169.254.1.1"),)
    assert unknown.filter_parameters == (("CTRL_IP_LEARNING", "dhcp"),)
    assert [network.address_of(machine(slot)) for slot in (1, 2)] == ["169.254.1.1", ""]
    assert connection.networkLookupByName("grid").XMLDesc(0) == before
    assert {one.name() for one in connection.listAllNetworks()} == {"default", "grid"}


def test_a_site_s_network_without_isolation_has_no_filter(network_of, request_for):
    network = network_of(NetworkOptions(network="default", guest_isolation=False))
    [interface] = network.interfaces(request_for(1))
    assert (interface.filter, interface.filter_parameters, interface.isolated) == ("", (), False)


def test_a_site_s_network_or_bridge_that_is_not_there_is_refused(network_of):
    with pytest.raises(PluginError, match="network grid is not there: make and start it, or mend network in"):
        network_of(NetworkOptions(network="grid")).ensure()
    with pytest.raises(PluginError, match="names a network and a bridge"):
        network_of(NetworkOptions(network="default", bridge="br0")).ensure()
    with pytest.raises(PluginError, match="this host has no bridge vac-nobridge: make it, or mend bridge in"):
        network_of(NetworkOptions(bridge="vac-nobridge")).ensure()


def test_an_address_is_known_to_be_this_host_s():
    assert OnHost().has("127.0.0.1")
    assert not OnHost().has("203.0.113.77")


def test_a_server_is_known_to_be_there():
    with socket.socket() as server:
        server.bind(("127.0.0.57", 53))
        server.listen()
        assert OnHost().is_served("127.0.0.57")
    assert not OnHost().is_served("127.0.0.58")
