"""What an IP address says about who can reach it.

The documentation ranges count as public here whatever the `ipaddress` module says: examples and tests
use them for hosts on the Internet (RFC 5737, RFC 3849).
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Scope(StrEnum):
    """How far an address reaches."""

    PUBLIC = "public"
    PRIVATE = "private"
    """RFC 1918 and RFC 4193."""
    SHARED = "carrier-grade NAT"
    """RFC 6598: 100.64.0.0/10."""
    LINK_LOCAL = "link-local"
    LOOPBACK = "loopback"
    UNSPECIFIED = "unspecified"
    MULTICAST = "multicast"
    NAME = "name"
    """A host name: nothing can be said."""


_DOCUMENTATION = tuple(
    ipaddress.ip_network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
_PRIVATE = tuple(
    ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")


@lru_cache(maxsize=65536)
def parse_address(text: str) -> Address | None:
    """The address a text spells, with the IPv4 address inside an IPv4-mapped one; None for a name."""
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=65536)
def scope_of(text: str) -> Scope:
    """How far the address in `text` reaches."""
    address = parse_address(text)
    if address is None:
        return Scope.NAME
    if address.is_unspecified:
        return Scope.UNSPECIFIED
    if address.is_loopback:
        return Scope.LOOPBACK
    if address.is_link_local:
        return Scope.LINK_LOCAL
    if address.is_multicast:
        return Scope.MULTICAST
    if any(address.version == network.version and address in network for network in _PRIVATE):
        return Scope.PRIVATE
    if address.version == 4 and address in _SHARED:
        return Scope.SHARED
    return Scope.PUBLIC


def same_address(left: str, right: str) -> bool:
    """Whether two spellings name the same address (or, for names, are equal)."""
    if left == right:
        return True
    first, second = parse_address(left), parse_address(right)
    return first is not None and first == second


def same_subnet(left: str, right: str) -> bool:
    """Whether two addresses share a /24 (IPv4) or a /64 (IPv6): near enough to be neighbours in a lab."""
    first, second = parse_address(left), parse_address(right)
    if first is None or second is None or first.version != second.version:
        return False
    shift = 8 if first.version == 4 else 64
    return int(first) >> shift == int(second) >> shift


def same_private_block(left: str, right: str) -> bool:
    """Whether two addresses lie in the same private block: 10/8, 172.16/12, 192.168/16 or fc00::/7."""
    first, second = parse_address(left), parse_address(right)
    if first is None or second is None:
        return False
    return any(
        first.version == network.version == second.version and first in network and second in network
        for network in _PRIVATE
    )
