"""A media relay that harms: `python -m tests.support.relay ADDRESS PORT HOST HOST [OPTION]…`.

Each of the two hosts sends its RTP to the relay, which passes it on to the same port of the other. It runs until it is
ended, in whatever network namespace it was started.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import cast

from tests.support.helper_process import READY, helper_running
from tests.support.network import Host

_REPEATED_AFTER = 0.005


@dataclass(frozen=True, slots=True)
class Impairment:
    """What the relay does to the packets of each direction."""

    period: int = 50
    """Packets after which the pattern begins anew."""
    dropped: int = 0
    """How many packets in a row are dropped at the end of each period."""
    delay: float = 0.0
    """Seconds by which each packet is delayed."""
    late: float = 0.0
    """Seconds by which the first packet of each period is delayed besides; more than a packet's length reorders."""
    lost: float = 0.0
    """The share of the packets that are dropped here and there, the same ones in every run."""
    jitter: float = 0.0
    """Seconds by which a packet is delayed at most, each by another time; they overtake each other."""
    repeated: int = 0
    """Every how many packets one is sent twice, 5 ms apart; 0 repeats none."""
    toward: str = ""
    """The only host whose packets suffer; empty: both."""

    @property
    def options(self) -> list[str]:
        """How the relay's command line says the same."""
        return [f"--{each.name}={getattr(self, each.name)}" for each in fields(self)]


class Relay(asyncio.DatagramProtocol):
    """One UDP port between two hosts."""

    def __init__(self, hosts: tuple[str, str], impairment: Impairment) -> None:
        self._other = {hosts[0]: hosts[1], hosts[1]: hosts[0]}
        self._impairment = impairment
        self._count = dict.fromkeys(hosts, 0)
        self._chance = {host: random.Random(host) for host in hosts}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport is no subclass of DatagramTransport before Python 3.12.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        host, port = addr[:2]
        if host not in self._other or self._transport is None:
            return
        loop = asyncio.get_running_loop()
        target = (self._other[host], port)
        if self._impairment.toward not in ("", target[0]):
            self._transport.sendto(data, target)
            return
        when = self._when(host, loop.time())
        if when is None:
            return
        loop.call_at(when, self._transport.sendto, data, target)
        repeated = self._impairment.repeated
        if repeated and self._count[host] % repeated == 0:
            loop.call_at(when + _REPEATED_AFTER, self._transport.sendto, data, target)

    def _when(self, host: str, now: float) -> float | None:
        """When a packet of this host that comes now is sent on; None: never."""
        impairment, chance = self._impairment, self._chance[host]
        place = self._count[host] % impairment.period
        self._count[host] += 1
        lost, delayed = chance.random() < impairment.lost, chance.random() * impairment.jitter
        if lost or place >= impairment.period - impairment.dropped:
            return None
        return now + impairment.delay + (impairment.late if place == 0 else 0) + delayed


@contextmanager
def relaying(host: Host, port: int, between: tuple[str, str], impairment: Impairment) -> Iterator[None]:
    """Runs the relay on `host` while the block runs. Raises RuntimeError where it does not start."""
    command = [sys.executable, "-m", "tests.support.relay", host.address, str(port), *between, *impairment.options]
    with helper_running(host, *command):
        yield


async def _serve(address: str, port: int, hosts: tuple[str, str], impairment: Impairment) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Relay(hosts, impairment), local_addr=(address, port))
    print(READY, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Relays until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("hosts", nargs=2)
    for each in fields(Impairment):
        parser.add_argument(f"--{each.name}", type=type(each.default), default=each.default)
    given = parser.parse_args()
    impairment = Impairment(**{each.name: getattr(given, each.name) for each in fields(Impairment)})
    asyncio.run(_serve(given.address, given.port, (given.hosts[0], given.hosts[1]), impairment))


if __name__ == "__main__":
    main()
