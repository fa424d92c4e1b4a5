"""Registrations that fail, and bindings that run out (RFC 3261 §10)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import Attempt, is_challenge
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.registrations import Registration, address_of_record, granted_expires, requested_expires
from sip_ci_server.engine.transactions import Transaction

_UNREACHABLE = (404, 408, 410, 480)


@check(
    "reg-failed",
    title="REGISTER failed with {status}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §10.3",
    absent="the trace holds no REGISTER",
    only=lambda attempt: attempt.last.method == "REGISTER",
)
def reg_failed(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """A REGISTER ended with 300 or above that is no challenge (RFC 3261 §10.3, §21).

    Medium where the same user registers later all the same; a 423 or a redirection that is made good is none.
    """
    transaction = attempt.last
    final = transaction.final
    if transaction.method != "REGISTER" or final is None or (final.status or 0) < 300 or is_challenge(final):
        return
    if model.relayed_from_further_on(transaction):
        return
    recovered = _registers_later(transaction, model)
    if recovered and (final.status == 423 or (final.status or 0) < 400):
        return
    request = transaction.request
    yield Found(
        (at(request, "the REGISTER"), at(final, "its final response")),
        f"REGISTER of {request.to.uri.text} at {request.request_uri.text} was answered {final.status} {final.reason} by"
        f" {final.observation.source or 'the registrar'}."
        f"{' A later REGISTER of this user succeeded.' if recovered else ''}",
        {"status": f"{final.status} {final.reason}".strip()},
        key=(str(final.status),),
        calls=(attempt.call_id,),
        severity=Severity.MEDIUM if recovered else None,
    )


def _registers_later(transaction: Transaction, model: Model) -> bool:
    """Whether the same client registers the same user afterwards, at this registrar or another."""
    user = address_of_record(transaction.request)
    return any(
        item.number > transaction.number and item.success is not None
        for registration in model.registrations_of(user)
        if registration.client == transaction.source_node
        for item in registration.transactions
    )


@check(
    "reg-not-refreshed",
    title="The registration of {user} ran out after {seconds} s without a refresh",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §10.2.4",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
)
def reg_not_refreshed(registration: Registration, model: Model) -> Iterator[Outcome]:
    """A binding's lifetime passed and no REGISTER came before its end (RFC 3261 §10.2.4).

    High where the trace shows the consequence (a call to the user that fails, or the client registering late); without
    one the client may have left on purpose, and the finding is low.
    """
    for place, transaction in enumerate(registration.transactions):
        success = transaction.success
        if success is None or success.observation.time is None or requested_expires(transaction.request) == 0:
            continue
        lifetime = granted_expires(transaction.request, success)
        if not lifetime:
            continue
        expires = success.observation.time + lifetime
        following = registration.transactions[place + 1 :]
        if any(item.time is not None and item.time <= expires + 1 for item in following):
            continue
        if _refreshed_elsewhere(registration, transaction, expires, model):
            continue
        if not model.seen.would_show(success.observation.time, lifetime * 1.1):
            return
        consequence = _consequence(registration, expires, following, model)
        yield Found(
            (
                at(success, f"the registrar grants {lifetime} s"),
                *([at(consequence, "what came of it")] if consequence is not None else []),
            ),
            f"The registrar granted {registration.address_of_record} a lifetime of {lifetime} s, and no REGISTER"
            f" came before it"
            f" ran out." + (f" Then: {consequence.summary}." if consequence is not None else ""),
            {"user": registration.address_of_record, "seconds": str(lifetime)},
            calls=(transaction.call_id,),
            severity=None if consequence is not None else Severity.LOW,
        )
        return


def _consequence(
    registration: Registration, expires: float, following: list[Transaction], model: Model
) -> SipMessage | None:
    user = registration.address_of_record.partition("@")[0]
    again = following[0] if following else None
    until = again.time if again is not None and again.time is not None else math.inf
    for leg in model.legs:
        final = leg.invite.final
        late = leg.invite.time is not None and expires < leg.invite.time < until
        if late and final is not None and final.status in _UNREACHABLE and leg.invite.request.request_uri.user == user:
            return final
    # A client keeps its Call-ID until it restarts (RFC 3261 §10.2.4), so another one tells of a new client, or test.
    return again.request if again is not None and again.call_id == registration.transactions[0].call_id else None


def _refreshed_elsewhere(registration: Registration, transaction: Transaction, expires: float, model: Model) -> bool:
    """Whether the same device refreshed its binding over another path: from a new port, or at another registrar."""
    hosts = {contact.uri.host for contact in transaction.request.contacts}
    return any(
        item.number > transaction.number and item.time is not None and item.time <= expires + 1
        and hosts & {contact.uri.host for contact in item.request.contacts}
        for other in model.registrations_of(registration.address_of_record)
        if other is not registration
        for item in other.transactions
    )  # fmt: skip


@check(
    "reg-refused-6xx",
    title="The registrar refused with {status}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.3",
    absent="the trace holds no REGISTER that was refused with 6xx",
    only=lambda transaction: (
        transaction.method == "REGISTER" and transaction.final is not None and (transaction.final.status or 0) >= 600
    ),
)
def reg_refused_6xx(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A REGISTER was answered with a 6xx, which no registrar may give (RFC 3261 §10.3)."""
    final = transaction.final
    if final is None or (final.status or 0) > 699 or model.relayed_from_further_on(transaction):
        return
    yield Found(
        (at(transaction.request, "the REGISTER"), at(final, "a refusal that speaks for the whole network")),
        f"{final.observation.source or 'The registrar'} answered REGISTER with {final.status} {final.reason}. A 6xx"
        " says that no server anywhere can serve the user, which a registrar cannot know.",
        {"status": f"{final.status} {final.reason}".strip()},
        key=(str(final.status),),
        calls=(transaction.call_id,),
    )
