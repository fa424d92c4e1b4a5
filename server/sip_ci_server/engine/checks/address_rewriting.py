"""Routers that rewrite SIP on its way without being SIP elements: application-level gateways."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci_server.engine.checks.registry import Found, Outcome, Proof, at, at_header, at_sdp, check
from sip_ci_server.engine.journeys import SDP_PARTS
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

SENDS = 4
"""Sends of a request that are compared with its other sightings."""
_REWRITTEN = ("contact", *SDP_PARTS)
"""What a gateway changes and a router must not; the Via is not among it, as a server adds `received` to it."""


@check(
    "nat-alg-rewriting",
    title="A router on the way rewrites SIP: {what}",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3261 §16.6",
    absent="the trace holds no INVITE or REGISTER over UDP or TCP",
    only=lambda transaction: (
        transaction.method in ("INVITE", "REGISTER") and transaction.transport in (Transport.UDP, Transport.TCP)
    ),
)
def nat_alg_rewriting(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request has other contents behind a router than before it, though no SIP element put its Via on it.

    Every SIP element that forwards a request adds a Via (RFC 3261 §16.6 step 8), and a B2BUA begins another
    transaction. Whoever changes a request and does neither is no SIP element.
    """
    # A gateway that keeps the destination makes its copy look like a retransmission of the request.
    for request in transaction.requests[:SENDS]:
        for other in model.journeys.same_hop(request):
            if other.index < request.index:
                found = _rewritten(other, request, model)
                if found is not None:
                    yield found
                    return


def _rewritten(before: SipMessage, after: SipMessage, model: Model) -> Found | None:
    """The finding where a request was seen on both sides of a gateway."""
    source, behind = before.observation.source, after.observation.source
    if source is None or behind is None or source.host == behind.host or before.raw == after.raw:
        return None
    changed: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []
    for name in _REWRITTEN:
        first, last = model.journeys.of(before, name), model.journeys.of(after, name)
        values = [next(step.values for step in it.steps if step.message is message)
                  for it, message in ((first, before), (last, after))]  # fmt: skip
        if values[0] != values[1]:
            changed.append((name, values[0], values[1]))
    if not changed:
        return None
    told = "; ".join(
        f"{_spelled(name)} from {', '.join(old) or 'nothing'} to {', '.join(new) or 'nothing'}"
        for name, old, new in changed
    )
    what = ", ".join(_spelled(name) for name, _, _ in changed)
    return Found(
        (
            _proof(before, changed[0][0], model, f"as {source} sent it"),
            _proof(after, changed[0][0], model, f"the same request as it left {behind}"),
        ),
        f"{before.method} left {source} and came out at {behind} with the same branch and no further Via, but with"
        f" other contents: {told}. Only a gateway in a router does that.",
        {"what": what},
        key=(before.method,),
        calls=(before.call_id,),
    )


def _spelled(name: str) -> str:
    return {"contact": "Contact", "sdp:codecs": "codecs", "sdp:connection": "media address", "sdp:origin": "o= line",
            "sdp:media": "m= line"}[name]  # fmt: skip


def _proof(message: SipMessage, name: str, model: Model, why: str) -> Proof:
    description = model.descriptions.of(message)
    if name == "contact" or description is None:
        return at_header(message, "contact", why)
    letter = {"sdp:connection": "c", "sdp:origin": "o"}.get(name, "m")
    line = next((line for line in description.lines if line.type == letter), None)
    return at_sdp(message, line, why) if line is not None else at(message, why)
