"""Which addresses slots get: Vac 3's where they can be, never two the same, and a clear end to them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_libvirt.network_options import NetworkOptions, ipv4_subnet, ipv6_subnet
from vac_libvirt.network_plan import NetworkPlan, eui64

from vac_core.interfaces import PluginError
from vac_core.options import OptionValueError


def plan(subnet="169.254.0.0/16", *, factory="wn01.example.org", slots=0, **changes):
    return NetworkPlan(options=NetworkOptions(subnet=ipv4_subnet(subnet), **changes), factory=factory, slots=slots)


@pytest.mark.parametrize(
    ("slot", "address", "mac"),
    [
        (0, "169.254.169.0", "56:4d:a9:fe:a9:00"),
        (1, "169.254.169.1", "56:4d:a9:fe:a9:01"),
        (99, "169.254.169.99", "56:4d:a9:fe:a9:63"),
        (252, "169.254.169.252", "56:4d:a9:fe:a9:fc"),
        (253, "169.254.169.255", "56:4d:a9:fe:a9:ff"),
        (254, "169.254.170.0", "56:4d:a9:fe:aa:00"),
    ],
)
def test_slots_have_vac_3_s_addresses_and_more_of_them(slot, address, mac):
    found = plan().addresses(slot)
    assert (str(found.ipv4), found.mac, found.ipv6) == (address, mac, ())


def test_the_network_is_called_and_found_as_vac_3_s():
    ours = plan()
    assert ours.name == "vac_169.254.0.0"
    assert [str(one) for one in ours.service_addresses] == ["169.254.169.254", "169.254.169.253"]
    assert ours.host_name(3) == "wn01-03.example.org"
    assert ours.capacity > 20_000


def test_another_subnet_has_its_own_gateway_and_the_metadata_service_all_the_same():
    ours = plan("10.89.0.0/24")
    assert ours.name == "vac_10.89.0.0"
    assert [str(one) for one in ours.service_addresses] == ["169.254.169.254", "10.89.0.254"]
    assert str(ours.addresses(0).ipv4) == "10.89.0.1"
    assert str(ours.addresses(ours.capacity - 1).ipv4) == "10.89.0.253"


def test_a_slot_beyond_the_subnet_is_refused_with_the_mend():
    with pytest.raises(PluginError, match=r"room for 13 machines: set a larger subnet"):
        plan("10.89.0.0/28").addresses(13)


@given(
    st.integers(12, 28).flatmap(
        lambda prefix: st.tuples(st.just(prefix), st.integers(0, 2**prefix - 1), st.integers(0, 2**20))
    )
)
def test_no_two_slots_share_anything_and_none_takes_what_is_the_network_s(drawn):
    prefix, which, slot = drawn
    base = IPv4Network("10.0.0.0/8") if which % 2 else IPv4Network("169.254.0.0/16")
    prefix = max(prefix, base.prefixlen)
    subnet = IPv4Network((int(base.network_address) | (which << (32 - prefix)) % 2 ** (32 - base.prefixlen), prefix))
    ours = plan(str(subnet))
    slot %= ours.capacity
    found = ours.addresses(slot)
    assert found.ipv4 in subnet
    assert found.ipv4 not in {*ours.service_addresses, subnet.network_address, subnet.broadcast_address}
    for other in {(slot + 1) % ours.capacity, (slot - 1) % ours.capacity} - {slot}:
        assert ours.addresses(other).ipv4 != found.ipv4
        assert ours.addresses(other).mac != found.mac


@pytest.mark.parametrize(
    "subnet", ["169.254.0.0/16", "169.254.169.0/24", "10.0.0.0/16", "192.168.7.0/24", "172.16.0.0/28"]
)
def test_all_slots_of_a_subnet_are_different_and_fill_it(subnet):
    ours = plan(subnet)
    each = [ours.addresses(slot).ipv4 for slot in range(ours.capacity)]
    assert each == sorted(set(each))
    assert each[-1] < IPv4Network(subnet).broadcast_address
    with pytest.raises(PluginError, match="has no address"):
        ours.addresses(ours.capacity)


def test_with_ipv6_a_slot_has_the_addresses_that_its_kernel_makes_up():
    found = plan(subnet6=ipv6_subnet("fd00:a9fe::/64")).addresses(1)
    assert [str(one) for one in found.ipv6] == ["fd00:a9fe::544d:a9ff:fefe:a901", "fe80::544d:a9ff:fefe:a901"]


def test_the_interface_identifier_is_that_of_the_standard():
    """The example of RFC 4291, appendix A."""
    mac = bytes.fromhex("34 56 78 9A BC DE".replace(" ", ""))
    assert IPv6Address(eui64(mac)) == IPv6Address("::3656:78ff:fe9a:bcde")


@pytest.mark.parametrize("raw", ["10.0.0.1/16", "10.0.0.0/8", "10.0.0.0/30", "8.8.0.0/16", "nonsense", "fd00::/64"])
def test_subnets_that_are_of_no_use_are_refused(raw):
    with pytest.raises(OptionValueError):
        ipv4_subnet(raw)


@pytest.mark.parametrize("raw", ["fd00::/48", "fe80::/64", "ff02::/64", "fd00::1/64", "10.0.0.0/16"])
def test_ipv6_subnets_that_are_of_no_use_are_refused(raw):
    with pytest.raises(OptionValueError):
        ipv6_subnet(raw)


def test_subnets_are_read():
    assert ipv4_subnet(" 10.89.0.0/16 ") == IPv4Network("10.89.0.0/16")
    assert ipv6_subnet("fd00:a9fe::/64") == IPv6Network("fd00:a9fe::/64")
    assert plan().gateway == IPv4Address("169.254.169.253")
