"""Requests inside a dialog that go to another place than the dialog says."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.targets import strays_from
from sip_ci_server.engine.transactions import Transaction

_ASTRAY = frozenset({404, 405, 408, 410, 416, 480, 481, 483, 484, 485, 500, 502, 503, 504, 604})
"""Final responses of an element that does not know the dialog, or cannot reach its end."""
KNOWN_TARGETS = 8
"""Contacts of one side that are kept: the first ones, and the last."""
_REFRESHES = ("INVITE", "UPDATE")
"""The methods whose Contact replaces the remote target (RFC 3261 §12.2, RFC 3311 §5.1)."""


@check(
    "request-wrong-target",
    title="{method} inside the call does not go to the Contact of the other side",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1",
    absent="the trace holds no answered call with requests inside it",
    only=lambda leg: leg.answer is not None and bool(leg.transactions or leg.elsewhere),
)
def request_wrong_target(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The Request-URI of a request inside the dialog is not the remote target (RFC 3261 §12.2.1.1, §12.2.1.2).

    High where it failed, low where it was accepted all the same. The remote target is the Contact of the last INVITE
    or UPDATE, or of its 2xx, that the other side sent; the address that it came from is as good, as clients send there
    to get through NAT.
    """
    if leg.answer is None or len(leg.invite.request.via) != 1:
        return
    targets: dict[bool, list[SipMessage]] = {True: [leg.answer], False: [leg.invite.request]}
    for item in sorted((*leg.transactions, *leg.elsewhere), key=lambda one: one.request.index):
        by_caller = leg.sent_by_caller(item)
        request, final = item.request, item.final
        # A request that crossed the refresh may still go to the old place, so one that knows any of them is right.
        astray = all(strays_from(request, known) for known in targets[by_caller])
        if astray and len(request.via) == 1 and not _is_relayed(item, leg, by_caller):
            failed = final is None or (final.status or 0) in _ASTRAY
            known = targets[by_caller][-1]
            if final is None and not model.seen.would_show(item.time, 4.0):
                return
            yield Found(
                (
                    at_header(known, "contact", "the Contact of the other side"),
                    at(request, "the request"),
                    *([at(final, "its answer")] if final is not None else []),
                ),
                f"{name_of(request)} sent {item.method} with `{request.request_uri.text}` as Request-URI, while the"
                f" other side's Contact is `{known.contacts[0].uri.text}`."
                + (f" It was answered {phrase_of(final)}." if final is not None else " It got no response."),
                {"method": item.method},
                key=(item.method, "failed" if failed else "accepted"),
                calls=(leg.call_id,),
                severity=None if failed else Severity.LOW,
            )
            return
        if item.method in _REFRESHES:
            targets[not by_caller][KNOWN_TARGETS:] = [request]
            if item.success is not None:
                targets[by_caller][KNOWN_TARGETS:] = [item.success]


def _is_relayed(item: Transaction, leg: Leg, by_caller: bool) -> bool:
    """Whether another agent than the dialog's own end sent the request on this hop."""
    return item.source_node != (leg.caller if by_caller else leg.callee)


@check(
    "strict-route-not-applied",
    title="{method} is sent to a strict router as if it were a loose one",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1, §16.6",
    absent="no request inside a dialog carries Route",
)
def strict_route_not_applied(model: Model, _: Model) -> Iterator[Outcome]:
    """The first Route of a request inside a dialog has no `lr`, and the Request-URI is not that of a router (RFC 3261
    §12.2.1.1, §16.6 step 6).

    Such a router takes the Request-URI for its own address, so it must be there. Low where the request was accepted.
    """
    routed = [ack for ack in model.transactions.acks_of_2xx if ack.routes]
    inside = {item.request.index: item for item in model.transactions if not item.is_initial}
    routed += [item.request for item in inside.values() if item.request.routes]
    if not routed:
        yield NotCheckable("no request inside a dialog carries Route")
    for request in routed:
        routes, target = request.routes, request.request_uri
        first = routes[0].uri
        if first.parameter("lr") is not None or not first.is_sip or not first.host:
            continue
        legs = model.dialogs.calls.get(request.call_id, [])
        recorded = {entry.uri.host for leg in legs if leg.answer is not None for entry in leg.answer.record_routes}
        if target.host == first.host or target.host in recorded or not recorded:
            continue
        transaction = inside.get(request.index)
        accepted = transaction is not None and transaction.success is not None
        yield Found(
            (at(request, "the request"), at_header(request, "route", "the first Route has no lr")),
            f"{name_of(request)} sent {request.method} with `{target.text}` as Request-URI and `{first.text}` as first"
            " Route, which has no `lr`. A strict router expects its own address in the Request-URI.",
            {"method": request.method},
            key=(request.method,),
            calls=(request.call_id,),
            severity=Severity.LOW if accepted else None,
        )
