"""What an ICMP error says, as evidence."""

from __future__ import annotations

from sip_ci.trace.trace import IcmpError
from sip_ci_server.engine.checks.registry import Proof

_MEANINGS_V4 = {
    0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port closed",
    4: "fragmentation needed", 9: "network prohibited", 10: "host prohibited", 13: "filtered by a firewall",
}  # fmt: skip
_MEANINGS_V6 = {0: "no route", 1: "prohibited by a firewall", 3: "address unreachable", 4: "port closed"}


def meaning_of(error: IcmpError) -> str:
    """Why the target cannot be reached, in a few words."""
    table = _MEANINGS_V6 if error.ipv6 else _MEANINGS_V4
    return table.get(error.code, f"unreachable, code {error.code}")


def proof_of(error: IcmpError) -> Proof:
    """The frame of the ICMP error and what it says."""
    return Proof(
        f"{error.reporter} reports that {error.destination} cannot be reached",
        text=f"ICMP type {error.type} code {error.code} from {error.reporter}: {meaning_of(error)}",
        frame=error.frame,
        time=error.time,
    )
