"""This host's addresses, read from what its kernel shows."""

from __future__ import annotations

import socket

import pytest
from vac_libvirt.host_addresses import host_addresses

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.2
           /25 link UNICAST
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
     |-- 198.51.100.0
        /24 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.2
        /32 host LOCAL
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 04 40 00 82     eth0
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
"""


def test_each_address_that_others_can_reach_is_found_once(tmp_path):
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    (tmp_path / "if_inet6").write_text(IF_INET6)
    assert [str(one) for one in host_addresses(tmp_path)] == ["192.0.2.2/32", "198.51.100.0/24", "fd00::2/128"]


def test_a_host_without_ipv6_has_no_such_addresses(tmp_path):
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    assert {one.version for one in host_addresses(tmp_path)} == {4}


def test_what_the_kernel_shows_otherwise_is_an_error_and_not_an_open_door(tmp_path):
    with pytest.raises(OSError, match="fib_trie"):
        host_addresses(tmp_path)
    (tmp_path / "fib_trie").write_text("     |-- nonsense\n        /32 host LOCAL\n")
    with pytest.raises(ValueError, match="nonsense"):
        host_addresses(tmp_path)


def test_this_host_s_own_kernel_is_understood():
    found = host_addresses()
    for one in found:
        with socket.socket(socket.AF_INET if one.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((str(one.network_address), 0))  # raises for an address that is not this host's
    assert all(not one.is_loopback for one in found)
