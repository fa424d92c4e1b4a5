"""Provisional responses where none may be: to other requests than INVITE, and after the final response."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.provisionals import requires_100rel, rseq_of
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.transactions import Transaction

OVERTAKEN = 0.5
"""Seconds after a final response in which an earlier response may still arrive on another way."""
_REFUSED = 300


@check(
    "resp-provisional-noninvite",
    title="{status} was sent to {method}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 4320 §4.1",
    absent="no request other than INVITE got a provisional response",
    only=lambda transaction: transaction.method != "INVITE" and bool(transaction.provisionals),
)
def resp_provisional_noninvite(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request other than INVITE got a provisional response other than 100 (RFC 4320 §4.1)."""
    if model.relayed_from_further_on(transaction):
        return
    response = next((item for item in transaction.provisionals if item.status != 100), None)
    if response is None:
        return
    yield Found(
        (at(transaction.request, "the request"), at(response, "a response that only an INVITE may get")),
        f"{name_of(response)} sent {phrase_of(response)} to {transaction.method}. Only INVITE has provisional responses"
        " other than 100.",
        {"status": phrase_of(response), "method": transaction.method},
        key=(transaction.method, str(response.status)),
        calls=(transaction.call_id,),
    )


@check(
    "resp-provisional-late",
    title="{status} was sent after the final {final}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §17.2.1; RFC 3262 §3",
    confidence=Confidence.LIKELY,
    absent="the trace holds no INVITE with provisional and final responses",
    only=lambda transaction: (
        transaction.method == "INVITE" and bool(transaction.finals) and bool(transaction.provisionals)
    ),
)
def resp_provisional_late(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A new provisional response has the To tag of a final response that was sent before it (RFC 3261 §17.2.1, RFC 3262
    §3).

    Another tag is another branch of a fork. What was sent before and comes again is a retransmission.
    """
    del model
    if any(request.raw != transaction.request.raw for request in transaction.requests[1:]):
        return
    finals: dict[str, SipMessage] = {}
    for response in transaction.finals:
        finals.setdefault(response.to.tag, response)
    known: set[tuple[str, int | None, int | None]] = set()
    for response in transaction.provisionals:
        final = finals.get(response.to.tag) if response.to.tag else None
        written = (response.to.tag, response.status, rseq_of(response))
        late = seconds_between(final, response) if final is not None else None
        if final is None or final.index > response.index or late is None or late < OVERTAKEN or written in known:
            known.add(written)
            continue
        if final.observation.source != response.observation.source:
            continue
        yield Found(
            (at(final, "the final response"), at(response, "a provisional response after it")),
            f"{name_of(response)} sent {phrase_of(response)} {late:.1f} s after its final {phrase_of(final)} to the"
            " same INVITE.",
            {"status": phrase_of(response), "final": phrase_of(final)},
            key=(str(response.status), "refused" if (final.status or 0) >= _REFUSED else "answered"),
            calls=(transaction.call_id,),
        )
        return


@check(
    "require-100rel-misplaced",
    title="{method} requires 100rel",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3262 §4",
    absent="no request other than INVITE carries Require",
    only=lambda transaction: transaction.method != "INVITE" and bool(transaction.request.lines_of("require")),
)
def require_100rel_misplaced(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request other than INVITE has 100rel in Require (RFC 3262 §4). Noted only, unless it was refused with 420."""
    request, final = transaction.request, transaction.final
    if not requires_100rel(request) or model.is_forwarded(transaction):
        return
    refused = final is not None and final.status == 420
    yield Found(
        (
            at_header(request, "require", "only an INVITE may require 100rel"),
            *([at(final, "its refusal")] if refused and final is not None else []),
        ),
        f"{name_of(request)} sent {request.method} with `Require: {request.header('require')}`, and only an INVITE can"
        " have reliable provisional responses."
        + (f" {name_of(final)} answered {phrase_of(final)}." if refused and final is not None else ""),
        {"method": request.method},
        key=(request.method,),
        calls=(transaction.call_id,),
        severity=None if refused else Severity.INFO,
    )
