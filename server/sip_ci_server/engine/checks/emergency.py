"""Calls to emergency services: they must get through, and tell where the caller is (RFC 5031, RFC 6442, RFC 6881)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import Attempt
from sip_ci_server.engine.checks.registry import Found, Outcome, at, check
from sip_ci_server.engine.model import Model

_ABSENT = "the trace holds no call to urn:service:sos"


def is_emergency(request: SipMessage) -> bool:
    """Whether a request goes to an emergency service (RFC 5031 §4.2); local numbers such as 112 may be tests."""
    return any(
        text.strip().lower().startswith("urn:service:sos") for text in (request.request_uri.text, request.to.uri.text)
    )


def _is_emergency_call(attempt: Attempt) -> bool:
    return attempt.first.method == "INVITE" and attempt.first.is_initial and is_emergency(attempt.first.request)


def _service(request: SipMessage) -> str:
    text = request.request_uri.text
    return text if text.lower().startswith("urn:") else request.to.uri.text


@check(
    "emergency-rejected",
    title="The emergency call to {service} failed with {status}",
    severity=Severity.CRITICAL,
    category=Category.SIGNALING,
    rfc="RFC 5031 §4.2",
    absent=_ABSENT,
    only=_is_emergency_call,
)
def emergency_rejected(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """A call to urn:service:sos ended with 300 or above; one that the caller cancelled, or that was answered on another
    way, is none.
    """
    transaction = attempt.last
    final = transaction.final
    if final is None or (final.status or 0) < 300 or transaction.was_cancelled:
        return
    if model.answered_elsewhere(transaction) or model.relayed_from_further_on(transaction):
        return
    service = _service(transaction.request)
    yield Found(
        (at(transaction.request, "the emergency call"), at(final, "its failure")),
        f"The call to {service} was answered {final.status} {final.reason} by"
        f" {final.observation.source or 'the far end'}.",
        {"service": service, "status": f"{final.status} {final.reason}".strip()},
        key=(str(final.status),),
        calls=(attempt.call_id,),
    )


@check(
    "emergency-auth-challenged",
    title="The emergency call to {service} was asked for credentials",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 7406 §1",
    absent=_ABSENT,
    only=_is_emergency_call,
)
def emergency_auth_challenged(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """A call to urn:service:sos was answered 401 or 407, which costs time and locks out phones without an account."""
    challenged = next((item for item in attempt.challenged if not model.is_forwarded(item)), None)
    if challenged is None or challenged.final is None:
        return
    service = _service(challenged.request)
    yield Found(
        (at(challenged.request, "the emergency call"), at(challenged.final, "the challenge")),
        f"The call to {service} was answered {challenged.final.status} and had to be sent again with credentials.",
        {"service": service},
        calls=(attempt.call_id,),
    )


def _first_hop(attempt: Attempt, model: Model) -> SipMessage | None:
    """The last try of an emergency call, at the hop nearest to the caller."""
    return None if model.is_forwarded(attempt.last) else attempt.last.request


@check(
    "emergency-no-location",
    title="The emergency call to {service} does not say where the caller is",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 6881 §9.2; RFC 6442 §4.1",
    absent=_ABSENT,
    only=_is_emergency_call,
)
def emergency_no_location(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """An emergency call has no Geolocation header and no PIDF-LO body (RFC 6881 §9.2, RFC 6442 §4.1).

    Low where P-Access-Network-Info names the cell or line, from which the network finds the place.
    """
    request = _first_hop(attempt, model)
    if request is None or request.lines_of("geolocation") or b"application/pidf+xml" in request.raw.lower():
        return
    service = _service(request)
    cell = bool(request.lines_of("p-access-network-info"))
    yield Found(
        (at(request, "has neither Geolocation nor a location in its body"),),
        f"The call to {service} carries no location by value or by reference"
        + (", only P-Access-Network-Info." if cell else "."),
        {"service": service},
        calls=(attempt.call_id,),
        severity=Severity.LOW if cell else None,
    )


@check(
    "emergency-no-callback",
    title="The emergency call to {service} cannot be called back",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 6881 §10",
    absent=_ABSENT,
    only=_is_emergency_call,
)
def emergency_no_callback(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """An emergency call has no P-Asserted-Identity, and its From is anonymous or has no user (RFC 6881 §10)."""
    request = _first_hop(attempt, model)
    if request is None or request.lines_of("p-asserted-identity") or request.lines_of("p-preferred-identity"):
        return
    sender = request.from_.uri
    named = bool(sender.user) and sender.user.lower() != "anonymous" and not sender.host.endswith(".invalid")
    if named:
        return
    service = _service(request)
    yield Found(
        (at(request, f"From is {sender.text}"),),
        f"The call to {service} comes from {sender.text} and has no P-Asserted-Identity: nobody can call back.",
        {"service": service},
        calls=(attempt.call_id,),
    )


@check(
    "emergency-no-priority",
    title="The emergency call to {service} has no priority",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3261 §20.26; RFC 7135 §1",
    absent=_ABSENT,
    only=_is_emergency_call,
)
def emergency_no_priority(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """An emergency call has neither `Priority: emergency` nor a Resource-Priority of the namespace esnet (RFC 7135)."""
    request = _first_hop(attempt, model)
    if request is None or (request.header("priority") or "").strip().lower() == "emergency":
        return
    if any(value.lower().startswith("esnet.") for value in request.values("resource-priority")):
        return
    service = _service(request)
    yield Found(
        (at(request, "has neither Priority nor Resource-Priority"),),
        f"The call to {service} has neither `Priority: emergency` nor a Resource-Priority of the namespace esnet.",
        {"service": service},
        calls=(attempt.call_id,),
    )
