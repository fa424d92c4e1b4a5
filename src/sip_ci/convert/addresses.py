"""Addresses for packets: the true ones where a trace gives them, documentation ones for names and unknown ends."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address

from sip_ci.convert.frames import Address, Socket
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint

_PORT = 5060
_RANGES = tuple(map(IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4")))
"""Those for documentation (RFC 5737), and for thousands of names the one that nobody uses (RFC 1112 §4)."""
_IPV6_RANGE = int(IPv6Address("2001:db8::"))
"""The range for documentation of RFC 3849."""


class AddressBook:
    """Gives every end of a message an address; the same label always gets the same one."""

    def __init__(self) -> None:
        self.invented: dict[str, IPv4Address] = {}
        """Label → the address that stands for it, in order of appearance."""
        self._real: set[IPv4Address] = set()
        self._known: dict[str, Address | None] = {}
        self._free = (address for network in _RANGES for address in network.hosts())

    def reserve(self, hosts: Iterable[str]) -> None:
        """Take note of the hosts of a trace, so that no address of theirs is given to anybody else."""
        for host in hosts:
            address = self._parse(host)
            if isinstance(address, IPv4Address):
                self._real.add(address)

    def sockets(self, message: SipMessage) -> tuple[Socket, Socket]:
        """Source and destination of a message."""
        source, destination = message.observation.source, message.observation.destination
        if source is None and destination is None:
            # A caller asks and a callee answers, as far as anybody can tell.
            labels = ("an unknown caller", "an unknown callee")
            return self._pair(*((labels[1], labels[0]) if message.is_response else labels), _PORT, _PORT)
        return self.pair(source, destination)

    def pair(self, source: Endpoint | None, destination: Endpoint | None) -> tuple[Socket, Socket]:
        """The sockets of two ends, of the same version of IP."""
        return self._pair(_label(source, destination), _label(destination, source), _port(source), _port(destination))

    def _pair(self, source: str, destination: str, source_port: int, destination_port: int) -> tuple[Socket, Socket]:
        left, right = self._parse(source), self._parse(destination)
        version = 6 if IPv6Address in (type(left), type(right)) else 4
        return (
            Socket(left if left and left.version == version else self._as(source, left, version), source_port),
            Socket(
                right if right and right.version == version else self._as(destination, right, version),
                destination_port,
            ),
        )

    def _as(self, label: str, address: Address | None, version: int) -> Address:
        """An address of the wanted version for an end that has none."""
        if isinstance(address, IPv4Address):
            return IPv6Address((0xFFFF << 32) + int(address))
        if label not in self.invented:
            self.invented[label] = next(free for free in self._free if free not in self._real)
        invented = self.invented[label]
        return invented if version == 4 else IPv6Address(_IPV6_RANGE + int(invented))

    def _parse(self, host: str) -> Address | None:
        if host not in self._known:
            self._known[host] = _address(host)
        return self._known[host]


def _address(host: str) -> Address | None:
    try:
        return IPv4Address(host)
    except AddressValueError:
        try:
            return IPv6Address(int(IPv6Address(host)))  # without a zone
        except AddressValueError:
            return None


def _label(end: Endpoint | None, other: Endpoint | None) -> str:
    if end is None:
        return f"the unknown peer of {other}"
    return "the writer of the log" if end.is_unnamed else end.host


def _port(end: Endpoint | None) -> int:
    return end.port if end is not None and 0 < end.port <= 65_535 else _PORT
