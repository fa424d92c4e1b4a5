"""How requests inside a dialog leave their sender: the order of the route set, and the transport of the target."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.headers import NameAddr
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci_server.engine.checks.registry import Found, Outcome, Proof, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import ROUND_TRIP
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.nodes import Node
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.transactions import Transaction

SILENCE = 4.0
"""Seconds without an answer after which silence is worth a word (policy F1)."""
_ASTRAY = frozenset({403, 404, 408, 480, 481, 482, 483, 500, 503})
"""Responses of an element that a request should not have come to first."""
_STREAMS = frozenset({"tcp", "tls", "ws", "wss"})


@check(
    "route-set-reversed",
    title="The Route of {method} has the recorded proxies in the wrong order",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.1.1, §12.1.2",
    absent="the trace holds no answered call with several Record-Routes",
    only=lambda leg: leg.answer is not None and len(leg.answer.record_routes) > 1,
)
def route_set_reversed(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The callee takes the Record-Routes of the INVITE in their order, the caller those of the 2xx in reverse (RFC 3261
    §12.1.1, §12.1.2). A request that has them the other way round, and failed, goes to the far proxy first.
    """
    if leg.answer is None:
        return
    for ack in model.lookups.acks_within(leg.call_id, leg.caller_tag, leg.callee_tag):
        again = sum((seconds_between(ack, one) or 0.0) > ROUND_TRIP for one in leg.answers)
        if again > 1 and _is_reversed(leg, leg.answer, ack, model.nodes.source(ack), by_caller=True):
            result = f" The {phrase_of(leg.answer)} was sent again all the same."
            yield _wrong_order(leg, leg.answer, ack, at(leg.answers[-1], "the answer, sent again"), result)
            return
    for item in (*leg.transactions, *leg.elsewhere):
        by_caller = leg.sent_by_caller(item)
        if _is_reversed(leg, leg.answer, item.request, item.source_node, by_caller=by_caller) and _failed(item, model):
            origin = leg.answer if by_caller else leg.invite.request
            proof = at(item.final, "its answer") if item.final is not None else None
            result = f" It was answered {phrase_of(item.final)}." if item.final else " It got no response."
            yield _wrong_order(leg, origin, item.request, proof, result)
            return


def _is_reversed(leg: Leg, answer: SipMessage, request: SipMessage, source: Node | None, *, by_caller: bool) -> bool:
    """Whether a request of one end of the call has the recorded proxies in the order of the other end."""
    recorded = answer.record_routes if by_caller else leg.invite.request.record_routes
    if len(request.via) != 1 or source != (leg.caller if by_caller else leg.callee):
        return False
    wrong = [_place(entry) for entry in recorded]
    if not by_caller:
        wrong.reverse()
    if len(set(wrong)) < 2 or wrong == wrong[::-1]:
        return False
    return [_place(entry) for entry in request.routes] == wrong


def _wrong_order(leg: Leg, origin: SipMessage, request: SipMessage, proof: Proof | None, result: str) -> Found:
    by_caller = origin is leg.answer
    shown = ", ".join(entry.uri.text for entry in request.routes)
    end = "caller" if by_caller else "callee"
    rule = "A caller reverses the Record-Routes." if by_caller else "A callee takes the Record-Routes as they are."
    return Found(
        (
            at_header(origin, "record-route", "the proxies, as they were recorded"),
            at_header(request, "route", "the request, in the wrong order"),
            *((proof,) if proof is not None else ()),
        ),
        f"{name_of(request)} is the {end} and sent {request.method} with the Route {shown}. {rule}{result}",
        {"method": request.method},
        key=(request.method, end),
        calls=(leg.call_id,),
    )


def _place(entry: NameAddr) -> tuple[str, int]:
    return entry.uri.host, entry.uri.effective_port


def _failed(item: Transaction, model: Model) -> bool:
    if item.final is None:
        return model.seen.would_show(item.time, SILENCE)
    return (item.final.status or 0) in _ASTRAY


@check(
    "request-wrong-transport",
    title="{method} goes over UDP to a Contact that says transport={wanted}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1, §18.1.1",
    absent="the trace holds no answered call with requests inside it",
    only=lambda leg: leg.answer is not None,
)
def request_wrong_transport(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A request inside the dialog went over UDP although the remote target names a stream (RFC 3261 §12.2.1.1,
    §19.1.1), and there is no Route before it. Low where it arrived all the same.
    """
    if leg.answer is None or len(leg.invite.request.via) != 1:
        return
    wanted = _stream_of(leg.answer)
    if wanted:
        for ack in model.lookups.acks_within(leg.call_id, leg.caller_tag, leg.callee_tag):
            if _is_datagram(ack) and model.nodes.source(ack) == leg.caller:
                again = sum((seconds_between(ack, one) or 0.0) > ROUND_TRIP for one in leg.answers)
                yield _astray(leg, leg.answer, ack, wanted, failed=again > 1)
                return
    for item in (*leg.transactions, *leg.elsewhere):
        by_caller = leg.sent_by_caller(item)
        target = leg.answer if by_caller else leg.invite.request
        wanted = _stream_of(target)
        if wanted and _is_datagram(item.request) and item.source_node == (leg.caller if by_caller else leg.callee):
            yield _astray(leg, target, item.request, wanted, failed=_failed(item, model))
            return


def _stream_of(message: SipMessage) -> str:
    contacts = message.contacts
    named = (contacts[0].uri.parameter("transport") or "").lower() if len(contacts) == 1 else ""
    return named if named in _STREAMS else ""


def _is_datagram(request: SipMessage) -> bool:
    return request.observation.transport is Transport.UDP and len(request.via) == 1 and not request.routes


def _astray(leg: Leg, target: SipMessage, request: SipMessage, wanted: str, *, failed: bool) -> Found:
    return Found(
        (
            at_header(target, "contact", f"the target, over {wanted.upper()}"),
            at_header(request, "via", "the request, over UDP"),
        ),
        f"{name_of(target)} gave `{target.contacts[0].uri.text}` as its Contact, and {name_of(request)} sent"
        f" {request.method} to {request.observation.destination or 'it'} over UDP"
        + (", where it did not arrive." if failed else "."),
        {"method": request.method, "wanted": wanted},
        key=(request.method, wanted),
        calls=(leg.call_id,),
        severity=None if failed else Severity.LOW,
    )
