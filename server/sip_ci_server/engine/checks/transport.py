"""Transport: datagrams too large for their path, and TCP connections that never came up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.trace import TcpEvent, TcpEventKind
from sip_ci.wording import times
from sip_ci_server.engine.addresses import Scope, scope_of
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, check
from sip_ci_server.engine.checks.responses import SILENCE
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

LARGEST_DATAGRAM = 1300
"""Bytes above which a request must go over a congestion-controlled transport where the path MTU is unknown
(§18.1.1).
"""
UNFRAGMENTED = 1472
"""Bytes that one Ethernet frame holds behind the headers of IPv4 and UDP; a longer datagram travels in fragments."""
SIP_PORTS = range(5060, 5092)


@check(
    "udp-too-large",
    title="{method} of {size} bytes was sent over UDP",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §18.1.1",
    absent="the trace holds no request over UDP",
    only=lambda transaction: transaction.transport is Transport.UDP,
)
def udp_too_large(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request over 1300 bytes went over UDP (RFC 3261 §18.1.1), so fragments may be lost on the way.

    High where it stayed unanswered while smaller requests to the same place were answered, or although it was sent
    again and again in fragments; medium where it had to be sent again, low where it arrived at once.
    """
    request = transaction.request
    fragments = request.observation.fragments
    size = len(request.raw)
    if transaction.transport is not Transport.UDP or (size <= LARGEST_DATAGRAM and fragments < 2):
        return
    if transaction.destination is not None and scope_of(transaction.destination.host) is Scope.LOOPBACK:
        return
    unanswered = not transaction.responses and model.seen.would_show(transaction.time, SILENCE)
    smaller = unanswered and transaction.destination in model.answering(LARGEST_DATAGRAM)
    if model.answered_elsewhere(transaction):
        severity, remark = Severity.LOW, " The call was answered on another branch."
    elif unanswered and smaller:
        severity, remark = None, " It was never answered, while smaller requests to the same place were."
    elif unanswered and (fragments > 1 or size > UNFRAGMENTED) and len(transaction.requests) > 2:
        severity, remark = None, " It was never answered, though it was sent again and again."
    elif len(transaction.requests) > 1:
        severity, remark = Severity.MEDIUM, f" It had to be sent {times(len(transaction.requests))}."
    else:
        severity, remark = Severity.LOW, " It arrived this time."
    split = f" in {fragments} IP fragments" if fragments > 1 else ""
    yield Found(
        (at(request, f"{size} bytes over UDP{split}"),),
        f"{transaction.method} to {transaction.destination or request.request_uri.text} is {size} bytes long and"
        f" went over"
        f" UDP{split}; over {LARGEST_DATAGRAM} bytes it must go over TCP or TLS.{remark}",
        {"method": transaction.method, "size": str(size)},
        # What arrived all the same is one remark, whatever the methods.
        key=("arrived",) if severity is Severity.LOW else (transaction.method,),
        calls=(transaction.call_id,),
        severity=severity,
    )


class _Connections:
    """The attempts to open a TCP connection to one place."""

    def __init__(self) -> None:
        self.syns: list[TcpEvent] = []
        self.accepted = False
        self.refusal: TcpEvent | None = None


def _attempts(model: Model) -> dict[tuple[str, Endpoint], _Connections]:
    sip_endpoints = {
        endpoint for transaction in model.transactions for endpoint in (transaction.destination,) if endpoint
    }
    found: dict[tuple[str, Endpoint], _Connections] = defaultdict(_Connections)
    for event in model.trace.facts.tcp_events:
        if event.kind is TcpEventKind.SYN:
            if event.destination.port in SIP_PORTS or event.destination in sip_endpoints:
                found[(event.source.host, event.destination)].syns.append(event)
            continue
        attempt = found.get((event.destination.host, event.source))
        if attempt is None:
            continue
        if event.kind is TcpEventKind.SYN_ACK:
            attempt.accepted = True
        elif event.kind is TcpEventKind.RST and not attempt.accepted and attempt.refusal is None:
            attempt.refusal = event
    return found


@check(
    "tcp-connect-refused",
    title="{target} refuses TCP connections",
    severity=Severity.CRITICAL,
    category=Category.SIGNALING,
    rfc="RFC 3261 §18.4",
    needs=Needs.CAPTURE,
)
def tcp_connect_refused(model: Model, _: Model) -> Iterator[Outcome]:
    """A SYN to a SIP port was answered with RST (RFC 3261 §18.4: the transport user is told of the failure)."""
    if not model.trace.facts.tcp_events:
        yield NotCheckable("the trace holds no TCP connection being opened")
        return
    for (source, target), attempt in _attempts(model).items():
        if attempt.refusal is None or not attempt.syns:
            continue
        fell_back = not attempt.accepted and _answered_over_udp(source, target, attempt.refusal.time, model)
        yield Found(
            (_proof(attempt.syns[0], "the connection attempt"), _proof(attempt.refusal, "its refusal")),
            f"{source} tried to open a TCP connection to {target} and was refused with RST: nothing listens there, or a"
            " firewall rejects it."
            + (" A later attempt succeeded." if attempt.accepted else "")
            + (" Requests over UDP to the same host were answered afterwards." if fell_back else ""),
            {"target": str(target)},
            key=("refused",),
            severity=Severity.LOW if attempt.accepted else (Severity.MEDIUM if fell_back else None),
        )


def _answered_over_udp(source: str, target: Endpoint, after: float, model: Model) -> bool:
    """Whether the client went on over UDP, as it should where TCP is refused (RFC 3261 §18.1.1)."""
    return any(
        item.transport is Transport.UDP
        and item.source is not None and item.source.host == source
        and item.destination is not None and item.destination.host == target.host
        and item.time is not None and item.time >= after
        and item.responses
        for item in model.transactions
    )  # fmt: skip


@check(
    "tcp-connect-timeout",
    title="{target} does not answer TCP connection attempts",
    severity=Severity.CRITICAL,
    category=Category.SIGNALING,
    rfc="RFC 3261 §18.4",
    needs=Needs.CAPTURE,
)
def tcp_connect_timeout(model: Model, _: Model) -> Iterator[Outcome]:
    """At least three SYNs to a SIP port stayed without any answer for three seconds (RFC 3261 §18.4)."""
    if not model.trace.facts.tcp_events:
        yield NotCheckable("the trace holds no TCP connection being opened")
        return
    for (source, target), attempt in _attempts(model).items():
        if attempt.accepted or attempt.refusal is not None or len(attempt.syns) < 3:
            continue
        span = attempt.syns[-1].time - attempt.syns[0].time
        if span < 3.0:
            continue
        yield Found(
            (_proof(attempt.syns[0], "the first SYN"), _proof(attempt.syns[-1], "the last SYN, still unanswered")),
            f"{source} sent {len(attempt.syns)} SYNs to {target} in {span:.1f} s and got no answer at all: the host is"
            " down, or a firewall drops them.",
            {"target": str(target)},
            key=("timeout",),
        )


def _proof(event: TcpEvent, why: str) -> Proof:
    return Proof(
        why,
        text=f"TCP {event.kind.value.upper()} {event.source} -> {event.destination}",
        frame=event.frame,
        time=event.time,
    )
