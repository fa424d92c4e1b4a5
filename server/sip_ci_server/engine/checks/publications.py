"""PUBLISH: entity tags that are lost, missing, or used twice at a time (RFC 3903)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.subscriptions import event_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_WHOLE = (Fidelity.EXACT, Fidelity.LINE_ENDINGS_LOST)
"""What shows all headers of a message."""


@check(
    "publish-412",
    title="PUBLISH with an entity tag that the server {knows}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3903 §6",
    absent="the trace holds no PUBLISH",
    only=lambda transaction: transaction.method == "PUBLISH",
)
def publish_412(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A PUBLISH was answered 412, and the client did not publish its whole state anew (RFC 3903 §4.1, §6).

    Medium where it was sent before the answer to another one with the same tag, which took that tag away: the client
    does this to itself. Low otherwise, and where the client published anew.
    """
    final = transaction.final
    if final is None or final.status != 412 or model.relayed_from_further_on(transaction):
        return
    request = transaction.request
    tag = (request.header("sip-if-match") or "").strip()
    of_user = [
        item
        for attempt in model.attempts_of(request.from_.uri.user)
        for item in attempt.transactions
        if item.method == "PUBLISH"
    ]
    repaired = any(item.number > transaction.number and item.success is not None for item in of_user)
    rival = next((item for item in of_user if tag and _took_tag(item, transaction, tag)), None)
    if repaired and rival is None:
        return
    told = (
        "It was sent before the answer to another PUBLISH with that tag, which gave a new one."
        if rival is not None
        else "The server does not know it."
    )
    yield Found(
        (
            *(
                (at(rival.request, "the PUBLISH before it, with the same tag, still without an answer"),)
                if rival
                else ()
            ),
            at_header(request, "sip-if-match", "the entity tag"),
            at(final, "is unknown"),
        ),
        f"PUBLISH of {request.to.uri.text} named the entity tag `{tag[:60]}` and was answered 412. {told}"
        + (" The client published anew." if repaired else " No later PUBLISH of this user succeeded."),
        {"knows": "does not know" if rival is None else "has replaced meanwhile"},
        key=("overlap",) if rival is not None else (),
        calls=(transaction.call_id,),
        severity=None if rival is not None and not repaired else Severity.LOW,
    )


def _took_tag(item: Transaction, later: Transaction, tag: str) -> bool:
    """Whether a PUBLISH with this tag was under way when the later one was sent, and took the tag away."""
    success = item.success
    if item is later or success is None or (item.request.header("sip-if-match") or "").strip() != tag:
        return False
    if event_of(item.request) != event_of(later.request) or item.time is None or later.time is None:
        return False
    answered = success.observation.time
    return answered is not None and item.time <= later.time < answered


@check(
    "publish-no-etag",
    title="The {status} to PUBLISH has no {missing}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3903 §6",
    absent="the trace holds no PUBLISH",
    only=lambda transaction: transaction.method == "PUBLISH" and transaction.success is not None,
)
def publish_no_etag(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 2xx to PUBLISH has no SIP-ETag or no Expires (RFC 3903 §6), without which it cannot be refreshed in time."""
    success = transaction.success
    if success is None or success.fidelity not in _WHOLE or model.is_forwarded(transaction):
        return
    if event_of(transaction.request) == "vq-rtcpxr":
        return
    missing = [name for name in ("SIP-ETag", "Expires") if not success.lines_of(name.lower())]
    if not missing:
        return
    yield Found(
        (at(transaction.request, "the PUBLISH"), at(success, f"has no {' and no '.join(missing)}")),
        f"{name_of(success)} answered PUBLISH {phrase_of(success)} without {' and '.join(missing)}.",
        {"status": str(success.status), "missing": " and no ".join(missing)},
        key=tuple(missing),
        calls=(transaction.call_id,),
    )
