"""What the messages that make a dialog carry for it: Contact, To tag, the Via and Record-Route of the request."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import agent_of, silent_after
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.stray_responses import strays_of
from sip_ci_server.engine.transactions import Transaction

_WHOLE = (Fidelity.EXACT, Fidelity.LINE_ENDINGS_LOST)
"""What shows all headers of a message; a decoded or cut one may leave some out."""


def _is_whole(message: SipMessage) -> bool:
    return message.fidelity in _WHOLE


def _is_ignored(transaction: Transaction, response: SipMessage, model: Model) -> bool:
    """Whether a final response to INVITE got no ACK although the trace would show it."""
    if not transaction.responses:
        return True
    is_final = transaction.method == "INVITE" and (response.status or 0) >= 200
    return is_final and not transaction.acks and silent_after(response, model)


def has_failed_inside(leg: Leg, model: Model) -> bool:
    """Whether a call shows that requests inside it do not arrive: no ACK, or one that is unanswered or refused."""
    if leg.answer is None or not silent_after(leg.answer, model):
        return False
    if not leg.acks and model.seen.sees_reverse(leg.answer):
        return True
    return any(
        (item.final is None and silent_after(item.request, model) and model.seen.sees_reverse(item.request))
        or (item.final is not None and (item.final.status or 0) in _LOST)
        for item in leg.transactions
    )


_LOST = frozenset({404, 408, 480, 481, 503})
"""Responses of an element that cannot deliver a request inside a dialog."""


@check(
    "contact-missing-2xx",
    title="{status} to INVITE has no Contact",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.1.1",
    absent="the trace holds no answered call",
    only=lambda leg: leg.answer is not None,
)
def contact_missing_2xx(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The 2xx gives no address for requests inside the dialog (RFC 3261 §12.1.1). Medium where nothing failed."""
    answer = leg.answer
    if answer is None or not _is_whole(answer) or answer.lines_of("contact"):
        return
    yield Found(
        (at(answer, "the answer has no Contact"),),
        f"{name_of(answer)} answered the call with {phrase_of(answer)} and gave no Contact.",
        {"status": phrase_of(answer)},
        key=(agent_of(answer),),
        calls=(leg.call_id,),
        severity=None if has_failed_inside(leg, model) else Severity.MEDIUM,
    )


@check(
    "contact-missing-invite",
    title="INVITE has no Contact",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.1.1.8",
    absent="the trace holds no INVITE",
    only=lambda transaction: transaction.method == "INVITE",
)
def contact_missing_invite(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """An INVITE has no Contact (RFC 3261 §8.1.1.8). Low where it was not answered: then nothing needs it."""
    request = transaction.request
    if not _is_whole(request) or request.lines_of("contact"):
        return
    final = transaction.final
    refused = final is not None and final.status == 400
    severity = None if refused else Severity.MEDIUM if transaction.success is not None else Severity.LOW
    yield Found(
        (at(request, "the INVITE has no Contact"), *([at(final, "its answer")] if final else [])),
        f"{name_of(request)} sent INVITE to {request.request_uri.text} without a Contact, so that the other side has"
        f" no address for its own requests{': it answered ' + phrase_of(final) if final else ''}.",
        key=(agent_of(request),),
        calls=(transaction.call_id,),
        severity=severity,
    )


@check(
    "contact-missing-1xx",
    title="{status} with a To tag has no Contact",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §12.1.1",
    absent="the trace holds no INVITE with a provisional response",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.provisionals),
)
def contact_missing_1xx(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 101 to 199 makes an early dialog by its To tag and gives no address for it (RFC 3261 §12.1.1). Low unless sent
    reliably, when a PRACK needs the address.
    """
    del model
    for response in transaction.provisionals:
        if response.status == 100 or not response.to.tag or not _is_whole(response) or response.lines_of("contact"):
            continue
        yield Found(
            (at(response, "a To tag, and no Contact"),),
            f"{name_of(response)} sent {phrase_of(response)}, whose To tag makes an early dialog, and gave no Contact.",
            {"status": phrase_of(response)},
            key=(agent_of(response),),
            calls=(transaction.call_id,),
            severity=None if "100rel" in response.options("require") else Severity.LOW,
        )
        return


@check(
    "to-tag-missing",
    title="{status} to {method} has no To tag",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.2.6.2",
    absent="the trace holds no answered request",
    only=lambda transaction: bool(transaction.responses),
)
def to_tag_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A response above 100 has no To tag (RFC 3261 §8.2.6.2). High only for the 2xx of an INVITE, which needs it."""
    for response in transaction.responses:
        status = response.status or 0
        if status <= 100 or not _is_whole(response) or response.to.tag or not response.lines_of("to"):
            continue
        makes_dialog = transaction.method == "INVITE" and 200 <= status < 300
        severity = Severity.MEDIUM if makes_dialog else Severity.LOW
        if makes_dialog and not transaction.acks and silent_after(response, model):
            severity = Severity.HIGH
        yield Found(
            (at_header(response, "to", "no tag"),),
            f"{name_of(response)} answered {transaction.method} with {phrase_of(response)}, and To has no tag.",
            {"status": phrase_of(response), "method": transaction.method},
            key=(transaction.method, str(status), agent_of(response)),
            calls=(transaction.call_id,),
            severity=severity,
        )
        return


@check(
    "resp-headers-changed",
    title="{status} to {method} changes the {header} of the request",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.2.6.2",
    absent="the trace holds no answered request",
)
def resp_headers_changed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """From tag, To tag, Call-ID, CSeq or the Via list of a response differ from the request's on the same hop (RFC 3261
    §8.2.6.2).

    An element takes its own Via off before it passes a response on, so that on each hop both lists are equal.
    """
    request = transaction.request
    if not _is_whole(request):
        return
    for response in (*transaction.responses[:8], *strays_of(transaction, model)):
        if not _is_whole(response):
            continue
        header = ""
        if [via.branch for via in request.via] != [via.branch for via in response.via]:
            header = "via"
        elif request.from_.tag != response.from_.tag:
            header = "from"
        elif request.to.tag and request.to.tag != response.to.tag:
            header = "to"
        elif request.call_id and request.call_id != response.call_id:
            header = "call-id"
        elif request.cseq.number is not None and request.cseq.number != response.cseq.number:
            header = "cseq"
        if not header:
            continue
        yield Found(
            (at_header(request, header, "as it was asked"), at_header(response, header, "as it was answered")),
            f"{name_of(response)} answered {transaction.method} with {phrase_of(response)}, and its"
            f" {header.title()} is not that of the request: `{', '.join(request.values(header))[:300]}` became"
            f" `{', '.join(response.values(header))[:300]}`.",
            {"status": phrase_of(response), "method": transaction.method, "header": header.title()},
            key=(header, agent_of(response)),
            calls=(transaction.call_id,),
            severity=None if _is_ignored(transaction, response, model) else Severity.LOW,
        )
        return


@check(
    "record-route-not-copied",
    title="{status} to INVITE does not carry the Record-Route of the request",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.1.1",
    absent="the trace holds no answered call with a Record-Route",
    only=lambda leg: leg.answer is not None and bool(leg.invite.request.record_routes),
)
def record_route_not_copied(leg: Leg, _: Model) -> Iterator[Outcome]:
    """The callee left out all of the Record-Route of the INVITE that it answered (RFC 3261 §12.1.1)."""
    answer, request = leg.answer, leg.invite.request
    if answer is None or not _is_whole(answer) or not _is_whole(request) or answer.record_routes:
        return
    yield Found(
        (
            at_header(request, "record-route", "the INVITE as it arrived"),
            at(answer, "its answer has no Record-Route"),
        ),
        f"The INVITE reached {leg.invite.destination or 'the callee'} with"
        f" {plural(len(request.record_routes), 'Record-Route entry', 'Record-Route entries')}, and {phrase_of(answer)}"
        " carries none.",
        {"status": phrase_of(answer)},
        key=(agent_of(answer),),
        calls=(leg.call_id,),
    )
