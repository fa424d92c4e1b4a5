"""What an address says about who can reach it."""

from __future__ import annotations

import pytest

from sip_ci_server.engine.addresses import Scope, parse_address, same_address, same_private_block, same_subnet, scope_of


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("192.0.2.1", Scope.PUBLIC), ("198.51.100.7", Scope.PUBLIC), ("203.0.113.9", Scope.PUBLIC),
        ("2001:db8::1", Scope.PUBLIC), ("8.8.8.8", Scope.PUBLIC), ("172.32.0.1", Scope.PUBLIC),
        ("10.0.0.1", Scope.PRIVATE), ("172.16.0.1", Scope.PRIVATE), ("172.31.255.255", Scope.PRIVATE),
        ("192.168.1.1", Scope.PRIVATE), ("fd00::1", Scope.PRIVATE), ("[fd00::1]", Scope.PRIVATE),
        ("100.64.0.1", Scope.SHARED), ("100.128.0.1", Scope.PUBLIC),
        ("169.254.1.1", Scope.LINK_LOCAL), ("fe80::1%eth0", Scope.LINK_LOCAL),
        ("127.0.0.1", Scope.LOOPBACK), ("127.255.0.1", Scope.LOOPBACK), ("::1", Scope.LOOPBACK),
        ("0.0.0.0", Scope.UNSPECIFIED), ("::", Scope.UNSPECIFIED), ("239.1.1.1", Scope.MULTICAST),
        ("::ffff:10.0.0.1", Scope.PRIVATE), ("pbx.example.com", Scope.NAME), ("", Scope.NAME), ("10.0.0", Scope.NAME),
    ],
)  # fmt: skip
def test_how_far_an_address_reaches(address: str, scope: Scope) -> None:
    assert scope_of(address) is scope


def test_two_spellings_of_one_address_are_the_same() -> None:
    assert same_address("2001:DB8:0::1", "[2001:db8::1]")
    assert same_address("::ffff:192.0.2.1", "192.0.2.1")
    assert same_address("pbx", "pbx")
    assert not same_address("pbx", "192.0.2.1")
    assert parse_address("pbx") is None


@pytest.mark.parametrize(
    ("left", "right", "subnet", "block"),
    [
        ("10.1.2.3", "10.1.2.200", True, True), ("10.1.2.3", "10.1.3.3", False, True),
        ("10.1.2.3", "192.168.2.3", False, False), ("192.0.2.1", "192.0.2.2", True, False),
        ("fd00::1", "fd00::2:0:0:1", True, True), ("fd00::1", "fd00:0:0:1::1", False, True),
        ("10.1.2.3", "fd00::1", False, False), ("pbx", "10.1.2.3", False, False),
    ],
)  # fmt: skip
def test_neighbours(left: str, right: str, subnet: bool, block: bool) -> None:
    assert same_subnet(left, right) is same_subnet(right, left) is subnet
    assert same_private_block(left, right) is same_private_block(right, left) is block
