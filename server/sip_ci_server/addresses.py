"""Which IP addresses a server may be asked to fetch from: public ones, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# What `is_global` lets through, by the Python version or always: IANA's special-purpose registries name them.
_NEVER: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT, RFC 6598
    IPv4Network("192.0.2.0/24"),  # documentation, RFC 5737
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("192.88.99.0/24"),  # 6to4 relay anycast, RFC 7526
    IPv6Network("2001:db8::/32"),  # documentation, RFC 3849
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
    IPv6Network("5f00::/16"),  # segment routing, RFC 9602
    IPv6Network("64:ff9b:1::/48"),  # local-use translation, RFC 8215
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_ISATAP_INTERFACES = (0x00005EFE, 0x02005EFE)  # RFC 5214 §6.1


def is_public(address: str) -> bool:
    """Whether every address that `address` stands for, itself and what it wraps, is a public unicast address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _is_public_itself(parsed)
    wrapped = tuple(_wrapped(parsed))
    if not all(_is_public_itself(inner) for inner in wrapped):
        return False
    # A mapped address is the IPv4 address: what the IPv6 registry says of the wrapping does not matter.
    return parsed.ipv4_mapped is not None or _is_public_itself(parsed)


def _is_public_itself(address: IPv4Address | IPv6Address) -> bool:
    if any(address.version == network.version and address in network for network in _NEVER):
        return False
    if address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local:
        # 64:ff9b::/96 lies in a block that is reserved otherwise.
        return address in _NAT64 if isinstance(address, IPv6Address) else False
    if isinstance(address, IPv6Address) and (address.is_site_local or address.scope_id):
        return False
    return address.is_global


def _wrapped(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses to which a packet for `address` may be sent on."""
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    number = int(address)
    low = IPv4Address(number & 0xFFFFFFFF)
    if address in _NAT64 or (number >> 32) & 0xFFFFFFFF in _ISATAP_INTERFACES:
        yield low
