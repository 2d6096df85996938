"""Machines' network in a real libvirt: what guests get and reach, and what becomes of it when it is hurt."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import libvirt
import pytest
from engines import missing
from network_lab import HOST_OUTSIDE, HOST_OUTSIDE6, OUTSIDE, OUTSIDE6, network_lab
from vac_libvirt.network_xml import reserved

from vac_core.testing.box import LIBVIRT, unavailable

pytestmark = pytest.mark.system

NETWORK = "vac_169.254.0.0"
GATEWAY, SERVICE = "169.254.169.253", "169.254.169.254"


@pytest.fixture
def lab(tmp_path):
    if reason := unavailable(*LIBVIRT, "busybox", "bridge"):
        missing(reason)
    libvirt.registerErrorHandler(lambda *_: None, None)
    with network_lab(tmp_path) as opened:
        yield opened


def test_a_guest_has_its_slot_s_address_its_service_and_the_outside(lab):
    lab.serve(lab.host.box, 80)
    guest = lab.guest(7)
    assert guest.address() == ["169.254.169.7"]
    assert "brd 169.254.255.255" in guest.box.run(["ip", "-4", "address", "show", "eth0"]).stdout
    assert f"default via {GATEWAY}" in guest.box.run(["ip", "route"]).stdout
    assert guest.box.run(["hostname"]).stdout == "wn01-07.vac.test\n"
    assert guest.gets(SERVICE) == guest.gets(GATEWAY) == "169.254.169.7"
    assert guest.gets(OUTSIDE) == HOST_OUTSIDE
    assert "169.254.169.7" in guest.box.run(["busybox", "nslookup", "-type=a", "wn01-07.vac.test", GATEWAY]).stdout


def test_a_guest_reaches_neither_this_host_nor_its_neighbours(lab):
    for port in (22, 80):
        lab.serve(lab.host.box, port)
    first, second = lab.guest(1), lab.guest(2)
    lab.serve(second.box, 80)
    assert first.gets(SERVICE) == "169.254.169.1"
    assert not first.reaches(GATEWAY, 22)
    assert not first.reaches(SERVICE, 22)
    assert not first.reaches(HOST_OUTSIDE, 22)
    assert not first.reaches(HOST_OUTSIDE, 80)
    assert not first.reaches("169.254.169.2")
    first.box.run(["ip", "route", "add", "169.254.169.2/32", "via", GATEWAY])
    assert not first.reaches("169.254.169.2")


def test_without_isolation_all_of_that_is_in_reach(lab):
    lab.options = {"guest_isolation": False}
    for port in (22, 80):
        lab.serve(lab.host.box, port)
    first, second = lab.guest(1), lab.guest(2)
    lab.serve(second.box, 80)
    for address, port in ((SERVICE, 22), (GATEWAY, 22), (HOST_OUTSIDE, 22), (HOST_OUTSIDE, 80), ("169.254.169.2", 80)):
        assert first.gets(address, port) == "169.254.169.1"


@pytest.mark.parametrize("isolated", [True, False])
def test_a_guest_that_takes_another_address_is_not_heard(lab, isolated):
    lab.options = {"guest_isolation": isolated}
    lab.serve(lab.host.box, 80)
    guest = lab.guest(1)
    assert guest.gets(SERVICE) == "169.254.169.1"
    guest.set_address("169.254.169.77/16")
    assert not guest.reaches(SERVICE)
    guest.set_address("169.254.169.1/16")
    assert guest.gets(SERVICE) == "169.254.169.1"
    guest.box.run(["ip", "link", "set", "eth0", "address", "56:4d:a9:fe:a9:02"])
    assert not guest.reaches(SERVICE)


def test_a_guest_that_takes_another_address_before_any_lease_is_not_heard(lab):
    """Vac 3's filter learned a guest's address from what it sent, and so from a lie that was told early enough."""
    lab.serve(lab.host.box, 80)
    guest = lab.guest(1, lease=False)
    guest.set_address("169.254.169.77/16")
    assert not guest.reaches(SERVICE)


def test_a_guest_cannot_have_its_neighbour_s_packets_sent_to_itself(lab):
    lab.serve(lab.host.box, 80)
    liar, neighbour = lab.guest(1), lab.guest(2)
    assert neighbour.gets(SERVICE) == "169.254.169.2"
    liar.box.run(["ip", "address", "add", "169.254.169.2/32", "dev", "eth0"])
    liar.box.run(["busybox", "arping", "-c", "3", "-U", "-I", "eth0", "-s", "169.254.169.2", "169.254.169.2"])
    shown = lab.host.box.run(["ip", "neighbour", "show", "dev", "vacbr0"]).stdout
    assert f"169.254.169.2 lladdr {neighbour.mac}" in shown
    assert liar.mac not in [line.split()[2] for line in shown.splitlines() if line.startswith("169.254.169.2 ")]


def test_an_address_that_the_host_gets_later_is_out_of_reach_too(lab):
    lab.serve(lab.host.box, 22)
    guest = lab.guest(1)
    lab.host.box.run(["ip", "address", "add", "192.0.2.9/32", "dev", "lo"])
    assert guest.gets("192.0.2.9", 22) == "169.254.169.1"
    assert lab.ensure() == ""
    assert not guest.reaches("192.0.2.9", 22)
    assert guest.gets(OUTSIDE) == HOST_OUTSIDE


def test_another_subnet_with_ipv6_works_as_well_and_is_as_closed(lab):
    lab.options = {"subnet": "10.89.0.0/24", "subnet6": "fd00:a9fe::/64"}
    for port in (22, 80):
        lab.serve(lab.host.box, port)
    guest = lab.guest(1)
    assert guest.address() == ["10.89.0.2"]
    assert guest.gets(SERVICE) == guest.gets("10.89.0.254") == "10.89.0.2"
    assert guest.gets(OUTSIDE) == HOST_OUTSIDE
    assert not guest.reaches("10.89.0.254", 22)
    assert guest.wait_for_ipv6() == ["fd00:a9fe::544d:aff:fe59:2"]
    assert guest.gets(OUTSIDE6) == HOST_OUTSIDE6
    for closed in ("fd00:a9fe::1", HOST_OUTSIDE6):
        assert not guest.reaches(closed, 22)
    guest.box.run(["ip", "address", "add", "fd00:a9fe::77/64", "dev", "eth0", "preferred_lft", "forever", "nodad"])
    guest.box.run(["ip", "route", "replace", f"{OUTSIDE6}/128", "via", "fd00:a9fe::1", "src", "fd00:a9fe::77"])
    assert not guest.reaches(OUTSIDE6)


def bridge_port(lab, device):
    """Whether a device is on the network's bridge, and isolated there."""
    place = lab.host.box.path(f"/sys/class/net/vacbr0/brif/{device}/isolated")
    return place.read_text().strip() == "1" if place.exists() else None


def test_a_network_that_is_destroyed_under_its_machines_is_mended(lab):
    domain = lab.domain(3)
    device = ET.fromstring(domain.XMLDesc()).find("devices/interface/target").get("dev")
    assert bridge_port(lab, device) is True
    lab.connection.networkLookupByName(NETWORK).destroy()
    assert bridge_port(lab, device) is None
    assert lab.ensure() == ""
    assert bridge_port(lab, device) is True
    domain.destroy()


def test_a_network_in_use_is_not_made_anew_but_when_its_machines_have_ended(lab):
    domain = lab.domain(3)
    lab.settings = {"forward_dev": "eth0"}
    assert "is made anew when the 1 machines on it have ended" in lab.ensure()
    domain.destroy()
    assert lab.ensure() == ""
    described = ET.fromstring(lab.connection.networkLookupByName(NETWORK).XMLDesc())
    assert described.find("forward").get("dev") == "eth0"


def test_an_address_that_was_taken_from_the_bridge_comes_back(lab):
    assert lab.ensure() == ""
    lab.host.box.run(["ip", "address", "del", f"{SERVICE}/16", "dev", "vacbr0"])
    assert lab.ensure() == ""
    assert SERVICE in lab.host.box.run(["ip", "address", "show", "dev", "vacbr0"]).stdout


def test_a_dhcp_server_that_died_is_started_again(lab):
    first = lab.guest(1)
    pid = lab.host.box.path(f"/run/libvirt/network/{NETWORK}.pid").read_text().strip()
    lab.host.box.run(["sh", "-c", f"kill {pid}; while kill -0 {pid} 2>&-; do sleep 0.02; done"])
    assert lab.ensure() == ""
    assert lab.guest(2).address() == ["169.254.169.2"]
    assert first.gets(OUTSIDE) == HOST_OUTSIDE


def test_a_change_of_the_subnet_is_made_when_no_machine_is_left(lab):
    domain = lab.domain(3)
    lab.options = {"subnet": "10.89.0.0/24"}
    assert "is made when they have ended" in lab.ask()["refused"]
    domain.destroy()
    assert lab.ensure() == ""
    assert lab.guest(1).address() == ["10.89.0.2"]


def test_a_subnet_that_the_host_uses_elsewhere_is_refused_with_the_mend(lab):
    lab.options = {"subnet": "10.77.0.0/24"}
    assert "set another subnet in [plugin libvirt]" in lab.ask()["refused"]
    assert lab.connection.listAllNetworks() == []


def test_a_network_of_another_s_is_left_alone(lab):
    other = f"<network><name>{NETWORK}</name><bridge name='virbr7'/><ip address='10.9.0.1' prefix='24'/></network>"
    before = lab.connection.networkCreateXML(other).XMLDesc()
    assert "was not made by this Vac" in lab.ask()["refused"]
    assert lab.connection.networkLookupByName(NETWORK).XMLDesc() == before
    assert lab.connection.networkLookupByName(NETWORK).isActive() == 1


def test_a_filter_of_another_s_is_left_alone(lab):
    lab.connection.nwfilterDefineXML("<filter name='vac-machine' chain='root'/>")
    before = lab.connection.nwfilterLookupByName("vac-machine").XMLDesc()
    assert "the nwfilter vac-machine is not Vac's" in lab.ask()["refused"]
    assert lab.connection.nwfilterLookupByName("vac-machine").XMLDesc() == before


def test_a_bridge_of_another_s_is_left_alone(lab):
    lab.host.box.run(["ip", "link", "add", "vacbr0", "type", "bridge"])
    assert "vacbr0" in lab.ask()["refused"]
    assert lab.connection.listAllNetworks() == []


def test_where_vac_may_not_mend_the_network_nothing_is_made(lab):
    lab.settings = {"fix_networking": False}
    assert "is not there, and fix_networking is no" in lab.ask()["refused"]
    assert lab.connection.listAllNetworks() == []
    lab.settings = {}
    assert lab.ensure() == ""
    lab.settings = {"fix_networking": False}
    assert lab.ensure() == ""


def test_a_filter_that_was_removed_or_changed_is_put_back(lab):
    assert lab.ensure() == ""
    lab.connection.nwfilterLookupByName("vac-machine").undefine()
    assert lab.ensure() == ""
    found = lab.connection.nwfilterLookupByName("vac-machine-ipv4")
    wanted = found.XMLDesc()
    lab.connection.nwfilterDefineXML(
        f"<filter name='vac-machine-ipv4' chain='ipv4' priority='-700'><uuid>{found.UUIDString()}</uuid></filter>"
    )
    assert lab.ensure() == ""
    assert lab.connection.nwfilterLookupByName("vac-machine-ipv4").XMLDesc() == wanted


@pytest.mark.parametrize("named", [{"network": "grid"}, {"bridge": "sitebr0"}])
def test_on_a_site_s_own_network_a_guest_has_what_its_dhcp_server_gives_and_no_other_address(lab, named):
    lab.connection.networkCreateXML(
        "<network><name>grid</name><bridge name='sitebr0'/><ip address='10.5.0.1' prefix='24'>"
        "<dhcp><range start='10.5.0.100' end='10.5.0.120'/></dhcp></ip></network>"
    )
    lab.serve(lab.host.box, 80)
    lab.options = named
    guest, neighbour = lab.guest(4), lab.guest(5)
    lab.serve(neighbour.box, 80)
    [address] = guest.address()
    assert address.startswith("10.5.0.1")
    assert guest.gets("10.5.0.1") == address
    assert not guest.reaches(neighbour.address()[0])
    guest.set_address("10.5.0.77/24")
    assert not guest.reaches("10.5.0.1")
    assert [one.name() for one in lab.connection.listAllNetworks()] == ["grid"]


def test_a_slot_beyond_those_that_are_reserved_gets_its_address_while_the_network_is_up(lab):
    assert lab.ensure() == ""
    uuid = lab.connection.networkLookupByName(NETWORK).UUIDString()
    guest = lab.guest(120)
    assert guest.address() == ["169.254.169.120"]
    network = lab.connection.networkLookupByName(NETWORK)
    assert network.UUIDString() == uuid
    assert len(reserved(ET.fromstring(network.XMLDesc()))) == 101
