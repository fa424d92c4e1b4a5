"""A media relay that drops, delays and reorders: `python -m tests.support.relay ADDRESS PORT HOST HOST [OPTION]…`.

Each of the two hosts sends its RTP to the relay, which passes it on to the same port of the other. It runs until it is
ended, in whatever network namespace it was started.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import cast

from tests.support.network import Host

_ROOT = Path(__file__).parents[2]
_READY = "relaying"
_STOP_SECONDS = 5


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


class Relay(asyncio.DatagramProtocol):
    """One UDP port between two hosts."""

    def __init__(self, hosts: tuple[str, str], impairment: Impairment) -> None:
        self._other = {hosts[0]: hosts[1], hosts[1]: hosts[0]}
        self._impairment = impairment
        self._count = dict.fromkeys(hosts, 0)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport is no subclass of DatagramTransport before Python 3.12.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        host, port = addr[:2]
        if host not in self._other or self._transport is None:
            return
        place = self._count[host] % self._impairment.period
        self._count[host] += 1
        if place >= self._impairment.period - self._impairment.dropped:
            return
        delay = self._impairment.delay + (self._impairment.late if place == 0 else 0)
        asyncio.get_running_loop().call_later(delay, self._transport.sendto, data, (self._other[host], port))


@contextmanager
def relaying(host: Host, port: int, between: tuple[str, str], impairment: Impairment) -> Iterator[None]:
    """Runs the relay on `host` while the block runs. Raises RuntimeError where it does not start."""
    options = [f"--{name}={getattr(impairment, name)}" for name in ("period", "dropped", "delay", "late")]
    command = [sys.executable, "-m", "tests.support.relay", host.address, str(port), *between, *options]
    process = Popen(host.command(*command), cwd=_ROOT, stdout=PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != _READY:
            raise RuntimeError("the relay does not start")
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except TimeoutExpired:
            process.kill()
            process.communicate()


async def _serve(address: str, port: int, hosts: tuple[str, str], impairment: Impairment) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Relay(hosts, impairment), local_addr=(address, port))
    print(_READY, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Relays until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("hosts", nargs=2)
    parser.add_argument("--period", type=int, default=50)
    parser.add_argument("--dropped", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--late", type=float, default=0.0)
    given = parser.parse_args()
    impairment = Impairment(given.period, given.dropped, given.delay, given.late)
    asyncio.run(_serve(given.address, given.port, (given.hosts[0], given.hosts[1]), impairment))


if __name__ == "__main__":
    main()
