"""Numbers for endpoints, so that columns hold small integers and each address is spelled out once."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import numpy as np
import numpy.typing as npt

from sip_ci.trace.observation import Endpoint

BEYOND = Endpoint("255.255.255.255", 0)
"""Stands for all endpoints beyond the limit: nothing is ever sent from there."""


class EndpointTable:
    """Gives each (host, port) a number in order of first appearance."""

    def __init__(self, limit: int = 500_000) -> None:
        """`limit` is how many endpoints are told apart; only a scan of a network or a flood has more."""
        self.endpoints: list[Endpoint] = []
        """The endpoint of each number."""
        self.full = False
        """Whether there are more endpoints than the limit."""
        self._limit = limit
        self._numbers: dict[Endpoint, int] = {}
        self._packed: dict[int | bytes, int] = {}

    def number(self, endpoint: Endpoint) -> int:
        """The number of one endpoint."""
        known = self._numbers.get(endpoint)
        if known is None:
            if len(self.endpoints) >= self._limit:
                self.full = True
                endpoint = BEYOND
                if endpoint in self._numbers:
                    return self._numbers[endpoint]
            known = self._numbers[endpoint] = len(self.endpoints)
            self.endpoints.append(endpoint)
        return known

    def _kept(self, key: int | bytes, endpoint: Endpoint) -> int:
        """The number of an endpoint whose key is new."""
        number = self.number(endpoint)
        if not self.full:
            self._packed[key] = number
        return number

    def numbers_v4(self, hosts: npt.NDArray[np.uint32], ports: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
        """The numbers of IPv4 endpoints; both arrays have one element for each."""
        keys, inverse = np.unique((hosts.astype(np.int64) << 16) | ports.astype(np.int64), return_inverse=True)
        numbers = np.empty(len(keys), np.int32)
        for index, key in enumerate(keys.tolist()):
            known = self._packed.get(key)
            if known is None:
                known = self._kept(key, Endpoint(str(IPv4Address(key >> 16)), key & 0xFFFF))
            numbers[index] = known
        return numbers[inverse]

    def numbers_v6(self, hosts: npt.NDArray[np.void], ports: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
        """The numbers of IPv6 endpoints; `hosts` has elements of 16 bytes."""
        packed = np.empty(len(hosts), [("host", "V16"), ("port", ">u2")])
        packed["host"] = hosts
        packed["port"] = ports
        # As byte strings they sort fast; the trailing zeros that numpy strips from those are put back below.
        keys, inverse = np.unique(packed.view("S18").reshape(-1), return_inverse=True)
        numbers = np.empty(len(keys), np.int32)
        for index, stripped in enumerate(keys.tolist()):
            key = stripped.ljust(18, b"\0")
            known = self._packed.get(key)
            if known is None:
                endpoint = Endpoint(str(IPv6Address(key[:16])), int.from_bytes(key[16:], "big"))
                known = self._kept(key, endpoint)
            numbers[index] = known
        return numbers[inverse]
