"""The XML of a network of our own, and how it is known whether one that is there is as it should be."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_libvirt.network_options import NetworkOptions, ipv4_subnet, ipv6_subnet
from vac_libvirt.network_plan import NetworkPlan
from vac_libvirt.network_xml import Difference, Reservation, difference, is_ours, network_element, reserved

PLAN = NetworkPlan(options=NetworkOptions(), factory="wn01.example.org", slots=2)

GOLDEN = """\
<network xmlns:vacnet="urn:vac:libvirt:network:1">
  <name>vac_169.254.0.0</name>
  <metadata>
    <vacnet:network factory="wn01.example.org" />
  </metadata>
  <forward mode="nat" />
  <bridge name="vacbr0" stp="off" delay="0" />
  <domain name="example.org" />
  <ip address="169.254.169.253" prefix="16">
    <dhcp>
      <host mac="56:4d:a9:fe:a9:00" name="wn01-00.example.org" ip="169.254.169.0" />
      <host mac="56:4d:a9:fe:a9:01" name="wn01-01.example.org" ip="169.254.169.1" />
    </dhcp>
  </ip>
  <ip address="169.254.169.254" prefix="16" />
</network>"""


def shown(plan):
    element = network_element(plan)
    ET.indent(element)
    return ET.tostring(element, "unicode")


def with_options(**changes):
    return attrs.evolve(PLAN, options=attrs.evolve(PLAN.options, **changes))


def test_the_usual_network():
    assert shown(PLAN) == GOLDEN


def test_with_a_device_ipv6_and_another_subnet():
    plan = attrs.evolve(
        with_options(subnet=ipv4_subnet("10.89.0.0/24"), subnet6=ipv6_subnet("fd00:1::/64")),
        forward_dev="eth1",
        slots=0,
    )
    made = network_element(plan)
    assert made.findtext("name") == "vac_10.89.0.0"
    assert made.find("forward").attrib == {"mode": "nat", "dev": "eth1"}
    assert made.find("forward/nat").attrib == {"ipv6": "yes"}
    assert [one.attrib for one in made.iterfind("ip")] == [
        {"address": "10.89.0.254", "prefix": "24"},
        {"address": "169.254.169.254", "prefix": "32"},
        {"address": "fd00:1::1", "prefix": "64", "family": "ipv6"},
    ]


def test_a_factory_without_a_domain_has_none_on_its_network():
    made = network_element(attrs.evolve(PLAN, factory="wn01"))
    assert made.find("domain") is None
    assert made.find("ip/dhcp/host").get("name") == "wn01-00"


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
def test_no_text_of_the_site_files_breaks_out_of_its_place(text):
    """Option readers refuse most of these; the XML would hold all the same."""
    plan = attrs.evolve(PLAN, forward_dev=text, slots=0)
    again = ET.fromstring(ET.tostring(network_element(plan), "unicode"))
    assert again.find("forward").get("dev") == text
    assert [child.tag for child in again] == [child.tag for child in network_element(PLAN)]


def test_ours_is_known_by_its_mark_and_nobody_else_s_name():
    assert is_ours(ET.fromstring(GOLDEN))
    assert is_ours(ET.fromstring(GOLDEN.replace("vacnet:", "other:").replace(":vacnet=", ":other=")))
    assert not is_ours(ET.fromstring("<network><name>vac_169.254.0.0</name></network>"))
    assert not is_ours(ET.fromstring(GOLDEN.replace("urn:vac:libvirt:network:1", "urn:another")))


def test_what_is_as_planned_does_not_differ_whichever_way_libvirt_spells_it():
    assert difference(ET.fromstring(GOLDEN), PLAN) == Difference()
    masked = GOLDEN.replace('253" prefix="16"', '253" netmask="255.255.0.0"').replace('mac="56:4d', 'mac="56:4D')
    assert difference(ET.fromstring(masked), PLAN) == Difference()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"forward_dev": "eth1"}, "its forwarding is nat to any device, and nat to eth1 is wanted"),
        ({"factory": "wn01.example.net"}, "its domain is example.org, and example.net is wanted"),
        ({"factory": "wn01"}, "its domain is example.org, and none is wanted"),
    ],
)
def test_what_only_a_new_network_can_mend_is_told_in_words(change, words):
    found = difference(ET.fromstring(GOLDEN), attrs.evolve(PLAN, **change))
    assert words in found.structure


def test_addresses_and_ipv6_are_part_of_the_structure():
    found = difference(ET.fromstring(GOLDEN), with_options(subnet6=ipv6_subnet("fd00:1::/64")))
    assert len(found.structure) == 2
    assert found.structure[0] == "its NAT of IPv6 is no, and yes is wanted"
    assert "fd00:1::1/64" in found.structure[1]


def test_reservations_that_are_missing_or_in_the_way_are_told_apart():
    third = Reservation("56:4d:a9:fe:a9:02", "169.254.169.2", "wn01-02.example.org")
    assert difference(ET.fromstring(GOLDEN), attrs.evolve(PLAN, slots=3)) == Difference(missing=(third,))
    second = Reservation("56:4d:a9:fe:a9:01", "169.254.169.1", "wn01-01.example.org")
    other = GOLDEN.replace(second.name, "old-01.example.org")
    found = difference(ET.fromstring(other), PLAN)
    assert found == Difference(wrong=(attrs.evolve(second, name="old-01.example.org"),), missing=(second,))


def test_a_reservation_beyond_those_that_are_wanted_may_be_a_running_machine_s():
    assert difference(ET.fromstring(GOLDEN), attrs.evolve(PLAN, slots=1)) == Difference()


def test_a_slot_that_is_needed_has_one_wherever_it_is():
    plan = attrs.evolve(PLAN, needed=frozenset({300}))
    assert [one.ip for one in difference(ET.fromstring(GOLDEN), plan).missing] == ["169.254.170.46"]


def test_reservations_of_a_site_s_network_are_read():
    network = ET.fromstring(
        "<network><ip address='10.0.0.1'><dhcp><range start='10.0.0.9' end='10.0.0.99'/>"
        "<host mac='56:4D:A9:FE:A9:01' ip='10.0.0.5'/><host name='by-name' ip='10.0.0.6'/></dhcp></ip></network>"
    )
    assert reserved(network) == (Reservation("56:4d:a9:fe:a9:01", "10.0.0.5", ""),)
