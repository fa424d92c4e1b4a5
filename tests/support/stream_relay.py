"""A TCP relay that cuts and joins what passes: `python -m tests.support.stream_relay ADDRESS PORT CALLEE PIECE WAIT`.

The router's packet filter leads to it the connections to CALLEE. Whatever comes within WAIT seconds it sends on
together, in pieces of at most PIECE bytes, each a segment of its own; 0 cuts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.support.helper_process import READY, helper_running
from tests.support.network import Host

_BETWEEN_PIECES = 0.005
_LARGEST_READ = 65_536


@dataclass(frozen=True, slots=True)
class Segments:
    """How a stream is cut and joined."""

    piece: int = 0
    """Bytes of one segment at most; 0: as much as there is."""
    wait: float = 0.0
    """Seconds for which bytes are gathered before they are sent on together."""


@contextmanager
def segmenting(router: Host, callee: tuple[str, int], segments: Segments) -> Iterator[None]:
    """Cuts and joins what passes `router` on TCP connections to `callee`, while the block runs."""
    destination = ("-p", "tcp", "-d", callee[0], "--dport", str(callee[1]))
    target = f"{router.address}:{callee[1]}"
    router.run("iptables", "-t", "nat", "-A", "PREROUTING", *destination, "-j", "DNAT", "--to", target)
    command = ["-m", "tests.support.stream_relay", router.address, str(callee[1]), callee[0]]
    with helper_running(router, sys.executable, *command, str(segments.piece), str(segments.wait)):
        yield


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, segments: Segments) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(ConnectionError):
        while data := await reader.read(_LARGEST_READ):
            await asyncio.sleep(segments.wait)
            with suppress(TimeoutError):
                data += await asyncio.wait_for(reader.read(_LARGEST_READ), _BETWEEN_PIECES)
            size = segments.piece or len(data)
            for start in range(0, len(data), size):
                writer.write(data[start : start + size])
                await writer.drain()
                await asyncio.sleep(_BETWEEN_PIECES)
    writer.close()


async def _serve(address: str, callee: tuple[str, int], segments: Segments) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*callee)
        await asyncio.gather(_pass_on(reader, far_writer, segments), _pass_on(far_reader, writer, segments))

    await asyncio.start_server(connected, address, callee[1])
    print(READY, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Relays until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("callee")
    parser.add_argument("piece", type=int)
    parser.add_argument("wait", type=float)
    given = parser.parse_args()
    asyncio.run(_serve(given.address, (given.callee, given.port), Segments(given.piece, given.wait)))


if __name__ == "__main__":
    main()
