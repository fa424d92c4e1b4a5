"""A router that rewrites SIP over UDP as an ALG does: `python -m tests.support.middlebox ADDRESS PORT CALLEE RULE…`.

The router's packet filter leads to it what is sent to CALLEE; it sends each message on from the router's own address,
and what comes back to whom the last message came from. A rule is `out:PATTERN=>REPLACEMENT` or `in:…`, a regular
expression over the bytes of the message; `\\A` in a rule's pattern makes it act once.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from tests.support.helper_process import READY, helper_running
from tests.support.network import Host

Address = tuple[str, int]


class Middlebox(asyncio.DatagramProtocol):
    """One UDP port between a caller and a callee."""

    def __init__(self, callee: Address, rules: Sequence[str]) -> None:
        self._callee = callee
        self._caller: Address | None = None
        self._rules = [_rule(text) for text in rules]
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport is no subclass of DatagramTransport before Python 3.12.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        inward = addr[0] == self._callee[0]
        if not inward:
            self._caller = addr
        for direction, pattern, replacement in self._rules:
            if direction == ("in" if inward else "out"):
                data = pattern.sub(replacement, data)
        target = self._caller if inward else self._callee
        if self._transport is not None and target is not None and data:
            self._transport.sendto(data, target)


def _rule(text: str) -> tuple[str, re.Pattern[bytes], bytes]:
    direction, _, rest = text.partition(":")
    pattern, _, replacement = rest.partition("=>")
    return direction, re.compile(pattern.encode(), re.MULTILINE | re.DOTALL), _unescaped(replacement)


def _unescaped(text: str) -> bytes:
    return text.encode().replace(b"\\r", b"\r").replace(b"\\n", b"\n")


@contextmanager
def rewriting(router: Host, callee: Address, rules: Sequence[str]) -> Iterator[None]:
    """Rewrites what passes `router` on its way to `callee` and back, while the block runs."""
    destination = ("-p", "udp", "-d", callee[0], "--dport", str(callee[1]))
    target = f"{router.address}:{callee[1]}"
    router.run("iptables", "-t", "nat", "-A", "PREROUTING", *destination, "-j", "DNAT", "--to", target)
    command = [sys.executable, "-m", "tests.support.middlebox", router.address, callee[0], str(callee[1]), *rules]
    with helper_running(router, *command):
        yield


async def _serve(address: str, callee: Address, rules: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    local = (address, callee[1])
    await loop.create_datagram_endpoint(lambda: Middlebox(callee, rules), local_addr=local)
    print(READY, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Rewrites until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("callee")
    parser.add_argument("port", type=int)
    parser.add_argument("rules", nargs="*")
    given = parser.parse_args()
    asyncio.run(_serve(given.address, (given.callee, given.port), given.rules))


if __name__ == "__main__":
    main()
