"""Reliable provisional responses and their PRACKs (RFC 3262)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.transactions import Transaction

LARGEST = 2**31 - 1
"""The largest RSeq that a UAS may begin with (RFC 3262 §3)."""


@dataclass(slots=True, eq=False)
class ReliableProvisional:
    """One reliable provisional response, with its retransmissions and its PRACK."""

    tag: str
    rseq: int
    sends: list[SipMessage] = field(default_factory=list)
    pracks: list[Transaction] = field(default_factory=list)
    """The PRACKs that acknowledge it, in order."""

    @property
    def response(self) -> SipMessage:
        """The first send."""
        return self.sends[0]


@dataclass(frozen=True, slots=True)
class Rack:
    """What a PRACK acknowledges (RFC 3262 §7.2)."""

    rseq: int | None
    cseq: int | None
    method: str


def requires_100rel(response: SipMessage) -> bool:
    """Whether a response requires 100rel, which makes a provisional one reliable."""
    return "100rel" in response.options("require")


def rseq_of(response: SipMessage) -> int | None:
    """The RSeq of a response; None where it is missing or no number."""
    return parse_digits((response.header("rseq") or "").strip(), 9_999_999_999)


def rack_of(prack: SipMessage) -> Rack:
    """The RAck of a PRACK: response number, CSeq number and method."""
    parts = (prack.header("rack") or "").split()
    numbers = [parse_digits(part, 9_999_999_999) for part in parts[:2]]
    return Rack(
        numbers[0] if numbers else None,
        numbers[1] if len(numbers) > 1 else None,
        parts[2] if len(parts) > 2 else "",
    )


def reliable_provisionals(invite: Transaction, pracks: list[Transaction]) -> list[ReliableProvisional]:
    """The reliable provisional responses of an INVITE in the order of their first sends, with the PRACKs of each."""
    found: dict[tuple[str, int], ReliableProvisional] = {}
    for response in invite.provisionals:
        number = rseq_of(response)
        if response.status == 100 or number is None or not requires_100rel(response):
            continue
        key = (response.to.tag, number)
        found.setdefault(key, ReliableProvisional(*key)).sends.append(response)
    for prack in pracks:
        rack = rack_of(prack.request)
        if rack.rseq is None or rack.cseq != invite.request.cseq.number or rack.method != "INVITE":
            continue
        item = found.get((prack.request.to.tag, rack.rseq))
        if item is not None:
            item.pracks.append(prack)
    return list(found.values())
