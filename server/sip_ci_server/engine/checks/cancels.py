"""CANCEL: sent too early, matching nothing, or without the end that it should bring."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.trace import TraceOrigin
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, surely_before
from sip_ci_server.engine.transactions import Transaction

ENDED_WITHIN = 5.0
"""Seconds after the 200 to CANCEL within which the INVITE gets its 487, and a late 2xx its BYE."""
ABSENT = "the trace holds no CANCEL"


def _is_cancel(transaction: Transaction) -> bool:
    return transaction.method == "CANCEL"


def _candidates(cancel: Transaction, model: Model) -> list[Transaction]:
    """The initial INVITEs before the CANCEL on the same hop."""
    return [
        item
        for item in model.lookups.before(cancel, "INVITE")
        if (item.source_node, item.destination_node) == (cancel.source_node, cancel.destination_node)
        and item.request.from_.tag == cancel.request.from_.tag
    ]


def _route(request: SipMessage) -> str:
    return ", ".join(entry.uri.text for entry in request.routes)


def _differences(cancel: SipMessage, invite: SipMessage) -> list[str]:
    """The fields in which a CANCEL differs from its INVITE, though they must be equal (RFC 3261 §9.1)."""
    pairs = {
        "Request-URI": (cancel.request_uri.text, invite.request_uri.text),
        "Via branch": (cancel.top_via.branch, invite.top_via.branch),
        "Via sent-by": (
            f"{cancel.top_via.host}:{cancel.top_via.effective_port}",
            f"{invite.top_via.host}:{invite.top_via.effective_port}",
        ),
        "CSeq number": (str(cancel.cseq.number), str(invite.cseq.number)),
        "From tag": (cancel.from_.tag, invite.from_.tag),
        "To tag": (cancel.to.tag, invite.to.tag),
        "Route": (_route(cancel), _route(invite)),
    }
    return [f"{name} (`{one}` instead of `{other}`)" for name, (one, other) in pairs.items() if one != other]


@check(
    "cancel-before-provisional",
    title="CANCEL was sent before any provisional response",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §9.1",
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_before_provisional(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A CANCEL went out before the INVITE had any response (RFC 3261 §9.1: it must wait for a provisional one)."""
    invite = transaction.cancels
    if invite is None or not model.seen.sees_reverse(transaction.request):
        return
    cancel = transaction.request
    if not invite.responses or not surely_before(cancel, invite.responses[0]):
        return
    yield Found(
        (at(invite.request, "the INVITE"), at(cancel, "the CANCEL"), at(invite.responses[0], "the first response")),
        f"{name_of(cancel)} sent CANCEL before its INVITE had any response; {phrase_of(invite.responses[0])} came after"
        " it. The CANCEL may overtake the INVITE and then cancels nothing.",
        calls=(transaction.call_id,),
    )


@check(
    "cancel-mismatch-481",
    title="CANCEL was refused with 481",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §9.1, §9.2",
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_mismatch_481(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A CANCEL was answered 481, as it matches no INVITE of the server (RFC 3261 §9.2); the differing fields are named
    (§9.1).
    """
    final, cancel = transaction.final, transaction.request
    if final is None or final.status != 481 or model.relayed_from_further_on(transaction):
        return
    matched = transaction.cancels
    candidates = _candidates(transaction, model)
    pending = [item for item in candidates if item.final is None or item.final.index > cancel.index]
    if matched is not None and (matched in pending or not pending):
        candidates = [matched]
    elif pending:
        # Sent again with credentials, an INVITE is another one: it is that one that is to be cancelled.
        candidates = pending
    if not candidates:
        yield Found(
            (at(cancel, "the CANCEL"), at(final, "its refusal")),
            f"CANCEL was answered {phrase_of(final)} by {name_of(final)}. Its INVITE is not in the trace.",
            key=("unseen",),
            calls=(transaction.call_id,),
            severity=Severity.LOW,
        )
        return
    invite = candidates[-1]
    differences = _differences(cancel, invite.request)
    over = invite.final is not None and invite.final.index < final.index
    if differences:
        remark = f" It differs from the INVITE in {', '.join(differences)}."
    elif over:
        remark = " The INVITE had got its final response by then, so there was nothing left to cancel."
    else:
        remark = " It matches the INVITE, so the server has lost that transaction, or another server got the CANCEL."
    yield Found(
        (
            at_header(invite.request, "via", "the INVITE"),
            at_header(cancel, "via", "the CANCEL"),
            at(final, "its refusal"),
        ),
        f"CANCEL was answered {phrase_of(final)} by {name_of(final)}.{remark}",
        key=("differs" if differences else "over" if over else "lost",),
        calls=(transaction.call_id,),
        severity=Severity.INFO if over and not differences else None,
    )


@check(
    "cancel-no-487",
    title="INVITE stays open after its CANCEL was accepted",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §9.2",
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_no_487(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A CANCEL got its 200, and the INVITE no final response (RFC 3261 §9.2: the server ends it with 487)."""
    success, invite = transaction.success, transaction.cancels
    if success is None or invite is None or invite.final is not None or invite.acks:
        return
    severity = None
    if not model.seen.would_show(success.observation.time, ENDED_WITHIN):
        # A text that a person cut out ends with what they complain about; a capture ends anywhere.
        if model.seen.origin is TraceOrigin.CAPTURE or model.messages[-1] is not success:
            return
        severity = Severity.LOW
    yield Found(
        (at(invite.request, "the INVITE"), at(transaction.request, "the CANCEL"), at(success, "its 200")),
        f"{name_of(success)} answered CANCEL {phrase_of(success)}, and no final response to the INVITE came in the"
        f" {model.seen.window_after(success.observation.time) or 0.0:.0f} s that the trace goes on."
        " 487 is due at once.",
        calls=(transaction.call_id,),
        severity=severity,
        confidence=Confidence.POSSIBLE if severity is not None else None,
    )


@check(
    "cancel-200-no-match",
    title="CANCEL was answered {status} although it matches no INVITE",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §9.2",
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_200_no_match(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A CANCEL that cancels nothing was answered with a 2xx instead of 481 (RFC 3261 §9.2).

    Medium where the INVITE went on, low where it ended in 487 all the same.
    """
    success = transaction.success
    if success is None or transaction.cancels is not None:
        return
    candidates = _candidates(transaction, model)
    if not candidates:
        yield NotCheckable("the INVITE of the CANCEL is not in the trace")
        return
    invite = candidates[-1]
    if invite.cancelled_by is not None:
        return
    differences = _differences(transaction.request, invite.request)
    if not differences:
        return
    cancelled = invite.final is not None and invite.final.status == 487
    yield Found(
        (
            at_header(invite.request, "via", "the INVITE"),
            at_header(transaction.request, "via", "the CANCEL, which does not match it"),
            at(success, "its answer"),
        ),
        f"The CANCEL differs from the INVITE in {', '.join(differences)}, so it matches no transaction, and"
        f" {name_of(success)} answered {phrase_of(success)} all the same."
        + (" The INVITE ended in 487 nevertheless." if cancelled else " The INVITE went on."),
        {"status": phrase_of(success)},
        key=("cancelled" if cancelled else "went on",),
        calls=(transaction.call_id,),
        severity=Severity.LOW if cancelled else None,
    )


@check(
    "cancel-200-race",
    title="A call that was answered while it was cancelled is never ended",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §9.1, §13.2.2.4",
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_200_race(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The 2xx and the CANCEL crossed, and the caller did not end the call with ACK and BYE (RFC 3261 §9.1)."""
    invite = transaction.cancels
    if invite is None or invite.success is None or invite.success.index < transaction.request.index:
        return
    if not model.seen.would_show(invite.success.observation.time, ENDED_WITHIN):
        return
    if any(_keeps(item, invite) for item in model.transactions_of(transaction.call_id)):
        return
    yield Found(
        (at(transaction.request, "the CANCEL"), at(invite.success, "the answer that crossed it")),
        f"{name_of(invite.success)} answered the INVITE {phrase_of(invite.success)} after the caller had sent CANCEL."
        f" {'It was acknowledged' if invite.acks else 'No ACK came'}, and no BYE ended the call in the"
        f" {model.seen.window_after(invite.success.observation.time) or 0.0:.0f} s that the trace goes on.",
        key=("acknowledged" if invite.acks else "no ACK",),
        calls=(transaction.call_id,),
    )


def _keeps(item: Transaction, invite: Transaction) -> bool:
    """Whether a request ends the call, or shows that the caller goes on with it on purpose."""
    if item.method == "BYE":
        return True
    return (
        not item.is_initial
        and item.request.from_.tag == invite.request.from_.tag
        and invite.success is not None
        and item.request.index > invite.success.index
    )


@check(
    "cancel-differs-from-invite",
    title="CANCEL differs from its INVITE in {fields}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §9.1",
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_differs_from_invite(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """Request-URI, From, To or sent-by of a CANCEL are not those of its INVITE, yet it took effect (RFC 3261 §9.1)."""
    invite = transaction.cancels
    if invite is None or model.is_forwarded(transaction):
        return
    differences = _differences(transaction.request, invite.request)
    if not differences:
        return
    fields = ", ".join(entry.partition(" (")[0] for entry in differences)
    yield Found(
        (at(invite.request, "the INVITE"), at(transaction.request, "its CANCEL")),
        f"The CANCEL from {name_of(transaction.request)} differs from its INVITE in {', '.join(differences)}.",
        {"fields": fields},
        key=(fields,),
        calls=(transaction.call_id,),
    )


@check(
    "cancel-with-require",
    title="CANCEL carries {header}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §9.1",
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_with_require(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A CANCEL carries Require or Proxy-Require, which it must not (RFC 3261 §9.1)."""
    if model.is_forwarded(transaction):
        return
    for name, written in (("require", "Require"), ("proxy-require", "Proxy-Require")):
        value = transaction.request.header(name)
        if value:
            yield Found(
                (at_header(transaction.request, name, "a CANCEL requires no extension"),),
                f"The CANCEL from {name_of(transaction.request)} carries `{written}: {value}`. An element that does not"
                " support the extension refuses it with 420, and the phone rings on.",
                {"header": written},
                key=(written,),
                calls=(transaction.call_id,),
            )
            return


@check(
    "cancel-challenged",
    title="CANCEL was challenged with {status}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §22.1",
    absent=ABSENT,
    only=_is_cancel,
)
def cancel_challenged(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A CANCEL was answered 401 or 407, though it cannot be sent again with credentials (RFC 3261 §22.1)."""
    final = transaction.final
    if final is None or not is_challenge(final) or model.relayed_from_further_on(transaction):
        return
    yield Found(
        (at(transaction.request, "the CANCEL"), at(final, "the challenge")),
        f"{name_of(final)} answered CANCEL {phrase_of(final)}. A CANCEL has the CSeq number of its INVITE and cannot be"
        " tried again with credentials, so the call rings on.",
        {"status": phrase_of(final)},
        key=(str(final.status),),
        calls=(transaction.call_id,),
    )
