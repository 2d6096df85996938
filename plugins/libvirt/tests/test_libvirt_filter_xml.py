"""The filters' rules, looked at as a machine's packets meet them. That libvirt enforces them is a system test."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from vac_libvirt.filter_xml import BORROWED, FILTER, filter_uuid, filters
from vac_libvirt.network_options import NetworkOptions, ipv4_subnet, ipv6_subnet
from vac_libvirt.network_plan import NetworkPlan
from vac_libvirt.network_walls import walls_for

HOST = (IPv4Network("192.0.2.7/32"), IPv6Network("2001:db8::7/128"))


def walls(**changes):
    plan = NetworkPlan(options=NetworkOptions(**changes), factory="wn01.example.org", slots=2)
    return walls_for(plan, HOST)


def verdict(rules, **packet):
    """What becomes of a packet of a machine: the first rule by priority that matches it."""
    for rule in sorted(rules.iterfind("rule"), key=lambda one: int(one.get("priority"))):
        if all(_matches(name, wanted, rule[0].attrib, packet) for name, wanted in rule[0].attrib.items()):
            return rule.get("action")
    return "accept"  # what the root filter does next with all that is IP


def _matches(name, wanted, attributes, packet):
    if name == "dstipmask":
        return True
    if name in {"dstipaddr", "srcipaddr"}:
        mask = attributes.get("dstipmask", str(ip_address(wanted).max_prefixlen)) if name == "dstipaddr" else "32"
        return ip_address(packet.get(name, "169.254.169.1")) in ip_network((wanted, int(mask)))
    return packet.get(name) == wanted


def tcp(to, port):
    return {"dstipaddr": to, "protocol": "tcp", "dstportstart": str(port)}


def udp(to, port, source=40000):
    return {"dstipaddr": to, "protocol": "udp", "dstportstart": str(port), "srcportstart": str(source)}


ALLOWED = [
    tcp("169.254.169.254", 80),
    tcp("169.254.169.253", 80),
    udp("169.254.169.253", 53),
    tcp("169.254.169.253", 53),
    udp("255.255.255.255", 67, 68) | {"srcipaddr": "0.0.0.0"},
    udp("169.254.169.253", 67, 68),
    tcp("198.51.100.1", 22),
    udp("198.51.100.1", 53),
    {"dstipaddr": "198.51.100.1", "protocol": "icmp"},
]

REFUSED = [
    tcp("169.254.169.253", 22),
    tcp("169.254.169.254", 22),
    tcp("192.0.2.7", 22),
    tcp("192.0.2.7", 80),
    tcp("169.254.169.2", 80),
    tcp("169.254.7.7", 80),
    tcp("127.0.0.1", 80),
    udp("224.0.0.251", 5353),
    udp("255.255.255.255", 137),
    udp("198.51.100.1", 53) | {"srcipaddr": "0.0.0.0"},
    {"dstipaddr": "169.254.169.253", "protocol": "icmp"},
    {"dstipaddr": "169.254.169.253", "protocol": "tcp"},  # a fragment: it has no port to match
]


@pytest.mark.parametrize("packet", ALLOWED)
def test_a_machine_reaches_its_service_its_resolver_and_the_outside(packet):
    assert verdict(filters(walls())[f"{FILTER}-ipv4"], **packet) == "accept"


@pytest.mark.parametrize("packet", REFUSED)
def test_a_machine_reaches_neither_this_host_nor_its_neighbours(packet):
    assert verdict(filters(walls())[f"{FILTER}-ipv4"], **packet) == "drop"


def test_without_isolation_a_machine_is_only_kept_to_its_own_addresses():
    rules = filters(walls(guest_isolation=False))
    assert verdict(rules[f"{FILTER}-ipv4"], **tcp("169.254.169.2", 22)) == "accept"
    assert [one.get("filter") for one in rules[FILTER].iterfind("filterref")] == [
        "no-mac-spoofing",
        "no-ip-spoofing",
        f"{FILTER}-ipv4",
        "no-arp-spoofing",
        "no-other-l2-traffic",
    ]


def test_another_subnet_is_closed_beside_the_link_local_one():
    rules = filters(walls(subnet=ipv4_subnet("10.89.0.0/24")))[f"{FILTER}-ipv4"]
    assert verdict(rules, **tcp("10.89.0.254", 80)) == verdict(rules, **tcp("169.254.169.254", 80)) == "accept"
    for closed in ("10.89.0.254", "10.89.0.3"):
        assert verdict(rules, **tcp(closed, 22)) == "drop"
    assert verdict(rules, **tcp("169.254.169.253", 80)) == "drop"


def test_with_ipv6_the_same_holds_for_it():
    rules = filters(walls(subnet6=ipv6_subnet("fd00:a9fe::/64")))[f"{FILTER}-ipv6"]
    assert verdict(rules, **udp("fd00:a9fe::1", 53)) == "accept"
    assert verdict(rules, **tcp("2001:db8:9::1", 443)) == "accept"
    assert verdict(rules, dstipaddr="ff02::1:ff00:1", protocol="icmpv6", type="135") == "accept"
    for closed in ("fd00:a9fe::1", "fd00:a9fe::2", "2001:db8::7", "fe80::1", "ff02::fb"):
        assert verdict(rules, **tcp(closed, 22)) == "drop"


def test_without_ipv6_there_is_no_rule_that_lets_it_through():
    made = filters(walls())
    assert [name for name in made if "ipv6" in name] == []
    assert "ipv6" not in {one.get("protocolid") for one in made[FILTER].iterfind("rule/mac")}


def test_each_filter_is_defined_after_those_that_it_refers_to():
    known = set(BORROWED)
    for name, element in filters(walls(subnet6=ipv6_subnet("fd00:a9fe::/64"))).items():
        assert {one.get("filter") for one in element.iterfind("filterref")} <= known
        assert element.findtext("uuid") == filter_uuid(name)
        known.add(name)
    assert FILTER in known


def test_addresses_are_what_the_walls_are_made_of():
    made = walls(subnet6=ipv6_subnet("fd00:a9fe::/64"))
    assert set(HOST) < set(made.forbidden)
    assert made.resolvers == [
        IPv4Address("169.254.169.254"),
        IPv4Address("169.254.169.253"),
        IPv6Address("fd00:a9fe::1"),
    ]
    assert walls(guest_isolation=False).forbidden == ()
