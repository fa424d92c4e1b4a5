"""Requests that ended in failure: one check for each final response code, from one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, Proof, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.reasons import reasons_of
from sip_ci_server.engine.sequence import seconds_between
from sip_ci_server.engine.transactions import Transaction

SEVERITIES: dict[int, Severity] = {
    400: Severity.HIGH, 403: Severity.HIGH, 404: Severity.HIGH, 405: Severity.MEDIUM, 408: Severity.HIGH,
    410: Severity.MEDIUM, 413: Severity.MEDIUM, 414: Severity.MEDIUM, 416: Severity.MEDIUM, 420: Severity.HIGH,
    421: Severity.MEDIUM, 480: Severity.MEDIUM, 481: Severity.MEDIUM, 484: Severity.MEDIUM, 486: Severity.INFO,
    487: Severity.LOW, 489: Severity.MEDIUM, 493: Severity.MEDIUM, 494: Severity.MEDIUM, 500: Severity.HIGH,
    501: Severity.MEDIUM, 502: Severity.HIGH, 503: Severity.HIGH, 504: Severity.HIGH, 505: Severity.MEDIUM,
    513: Severity.MEDIUM, 580: Severity.MEDIUM, 600: Severity.INFO, 603: Severity.INFO, 607: Severity.INFO,
}  # fmt: skip
"""The codes that have a check here. Codec refusals, loops and challenges have checks of their own."""

_SOURCES = {489: "RFC 6665 §8.3.2", 494: "RFC 3329 §2.3.1", 580: "RFC 3312 §8", 607: "RFC 8197 §4"}
"""Where the codes are defined that RFC 3261 does not have."""
_CODEC_REFUSALS = (406, 415, 488, 606)
_OTHER_CHECKS = frozenset({401, 407, 422, 423, 482, 483})
"""Codes that have checks of their own, or that a client answers with another try."""
_HANDLED_ELSEWHERE = ("REGISTER", "BYE", "CANCEL", "ACK", "PRACK")
_JUDGED_ELSEWHERE = frozenset({("PUBLISH", 412)})
"""Refusals that a client makes good by another request; a check of its own says where it does not."""
_WORKING_ANSWERS_TO_OPTIONS = range(300, 500)


def _register(code: int, severity: Severity) -> None:
    @check(
        f"final-{code}",
        title="{method} failed with {status}",
        severity=severity,
        category=Category.SIGNALING,
        rfc=_SOURCES.get(code, "RFC 3261 §21"),
    )
    def final_code(model: Model, _: Model) -> Iterator[Outcome]:
        if not len(model.transactions):
            yield NotCheckable("the trace holds no SIP request")
        for status in (code, *(_unlisted(code, model) if code % 100 == 0 else ())):
            for transaction in model.ended_with(status):
                if status not in _CODEC_REFUSALS or transaction.method != "INVITE":
                    yield from _judge(transaction, model, status)

    function: Callable[..., object] = final_code
    function.__doc__ = (
        f"A request outside a dialog ended with {code} (RFC 3261 §21); the element that gave it is named."
    )


RINGING = 3.0
"""Seconds from 183 to the final response in which a phone may have rung."""


def _unlisted(code: int, model: Model) -> list[int]:
    """The codes of a class that have no check: an unknown one counts as x00 (RFC 3261 §8.1.3.2)."""
    return [
        status
        for status in model.final_statuses()
        if status // 100 == code // 100 and status not in SEVERITIES and status not in _OTHER_CHECKS
    ]


def _judge(transaction: Transaction, model: Model, code: int) -> Iterator[Outcome]:
    final = transaction.final
    if final is None or final.status != code or not transaction.is_initial or transaction.method in _HANDLED_ELSEWHERE:
        return
    if model.relayed_from_further_on(transaction) or (transaction.method, code) in _JUDGED_ELSEWHERE:
        return
    request = transaction.request
    severity, remark = _lowered(transaction, model, code)
    explanations = [
        at_header(final, name, "what the element says of it")
        for name in ("reason", "warning", "unsupported", "retry-after")
        if final.lines_of(name)
    ]
    words = [f"Reason: {reason.written}" for reason in reasons_of(final)]
    words += [f"Warning: {value}" for value in final.values("warning")]
    evidence: tuple[Proof, ...] = (at(request, "the request"), at(final, "its final response"), *explanations)
    yield Found(
        evidence,
        f"{transaction.method} to {request.request_uri.text} was answered {final.status} {final.reason} by"
        f" {final.observation.source or 'the far end'}." + (f" {'; '.join(words)}." if words else "") + remark,
        {"method": transaction.method, "status": f"{final.status} {final.reason}".strip()},
        key=(transaction.method,) if code in SEVERITIES else (transaction.method, str(code)),
        calls=(transaction.call_id,),
        severity=severity,
    )


def _rang(transaction: Transaction) -> bool:
    """Whether a phone rang: 180, or 183 and the time that ringing takes."""
    if any(response.status == 180 for response in transaction.provisionals):
        return True
    progress = next((response for response in transaction.provisionals if response.status == 183), None)
    waited = seconds_between(progress, transaction.final) if progress is not None and transaction.final else None
    return waited is not None and waited >= RINGING


def _lowered(transaction: Transaction, model: Model, code: int) -> tuple[Severity | None, str]:
    if transaction.method == "INVITE":
        if model.lookups.is_answered(transaction.call_id):
            return Severity.INFO, " The call was answered all the same, on another branch or a later try."
        if code == 487:
            if transaction.was_cancelled or model.lookups.is_cancelled(transaction.call_id):
                return Severity.INFO, " The caller had cancelled."
            return None, " No CANCEL is in the trace."
        causes = {reason.cause for reason in reasons_of(transaction.final or transaction.request)}
        if code == 480 and 21 in causes:
            return Severity.INFO, " The call was rejected (Q.850 cause 21)."
        if code == 480 and 20 in causes:
            return Severity.INFO, " The subscriber is not connected at present (Q.850 cause 20)."
        if code == 480 and (_rang(transaction) or causes & {18, 19}):
            return Severity.INFO, " It rang, and nobody answered."
        return None, ""
    if transaction.method == "SUBSCRIBE" and code == 404:
        return Severity.MEDIUM, " The server publishes no state for this target."
    if transaction.method == "OPTIONS" and code in _WORKING_ANSWERS_TO_OPTIONS:
        return Severity.INFO, " Any answer to OPTIONS shows that the element is alive."
    return Severity.MEDIUM, ""


for _code, _severity in SEVERITIES.items():
    _register(_code, _severity)
