"""What a registrar answers, and what a client asks of it (RFC 3261 §10)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.headers import NameAddr
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.addresses import same_address
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.registrations import Registration, granted_expires, requested_expires
from sip_ci_server.engine.transactions import Transaction

SHORT_LIFE = 60
"""Seconds: a client that must register again so soon loads the registrar, and loses its calls with one lost packet."""
USUAL_CONTACTS = 5
"""Devices of one user; more are mostly leftovers of restarts."""
_ABSENT = "the trace holds no REGISTER"
_NONE_ACCEPTED = "the trace holds no REGISTER that was accepted"


def _is_register(transaction: Transaction) -> bool:
    return transaction.method == "REGISTER"


def _is_registered(transaction: Transaction) -> bool:
    return transaction.method == "REGISTER" and transaction.success is not None


def _binds(request: SipMessage) -> bool:
    """Whether a REGISTER adds or refreshes a binding: it neither asks only, nor signs off."""
    contacts = request.contacts
    return bool(contacts) and contacts[0].text.strip() != "*" and requested_expires(request) != 0


def _is_same_contact(left: NameAddr, right: NameAddr) -> bool:
    """Whether two contacts can be the same device; elements on the way may rewrite the host or the user."""
    return left.uri.user == right.uri.user or same_address(left.uri.host, right.uri.host)


@check(
    "reg-interval-too-brief",
    title="After 423 the lifetime is not raised to Min-Expires {minimum}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §10.2.8",
    absent=_ABSENT,
)
def reg_interval_too_brief(registration: Registration, _: Model) -> Iterator[Outcome]:
    """The REGISTER after a 423 asks again for less than the Min-Expires of the response (RFC 3261 §10.2.8)."""
    for refused, again in zip(registration.transactions, registration.transactions[1:], strict=False):
        final = refused.final
        if final is None or final.status != 423:
            continue
        minimum = (final.header("min-expires") or "").strip()
        wanted = requested_expires(again.request)
        if (
            not (minimum.isascii() and minimum.isdigit())
            or wanted is None
            or wanted == 0
            or wanted >= int(minimum[:10])
        ):
            continue
        yield Found(
            (
                at_header(final, "min-expires", "the least lifetime that the registrar takes"),
                at(again.request, f"the next REGISTER, which asks for {wanted} s"),
            ),
            f"The registrar answered 423 with Min-Expires {minimum}, and the client asked again for {wanted} s.",
            {"minimum": minimum},
            calls=(again.call_id,),
        )
        return


@check(
    "reg-expiry-shortened",
    title="The registrar grants {granted} s where {asked} s were asked for",
    severity=Severity.LOW,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §10.2.4",
    absent=_NONE_ACCEPTED,
    only=_is_registered,
)
def reg_expiry_shortened(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The 2xx grants a shorter lifetime than the REGISTER asks for (RFC 3261 §10.2.4): the client must go by it.

    Low below a minute; else it is the registrar's right, and noted only.
    """
    success = transaction.success
    asked = requested_expires(transaction.request)
    if success is None or not asked or not _binds(transaction.request) or model.is_forwarded(transaction):
        return
    granted = granted_expires(transaction.request, success)
    if granted is None or granted >= asked:
        return
    yield Found(
        (at(transaction.request, f"asks for {asked} s"), at_header(success, "contact", f"{granted} s are granted")),
        f"The REGISTER of {transaction.request.to.uri.text} asks for {asked} s, and the registrar grants {granted} s.",
        {"asked": str(asked), "granted": str(granted)},
        key=(str(granted),),
        calls=(transaction.call_id,),
        severity=Severity.INFO if granted >= SHORT_LIFE else None,
    )


@check(
    "reg-expiry-lengthened",
    title="The registrar grants {granted} s where only {asked} s were asked for",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.3",
    absent=_NONE_ACCEPTED,
    only=_is_registered,
)
def reg_expiry_lengthened(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The 2xx grants a longer lifetime than the REGISTER asks for (RFC 3261 §10.3 step 7)."""
    success = transaction.success
    asked = requested_expires(transaction.request)
    if success is None or not asked or not _binds(transaction.request) or model.is_forwarded(transaction):
        return
    granted = granted_expires(transaction.request, success)
    if granted is None or granted <= asked:
        return
    yield Found(
        (at(transaction.request, f"asks for {asked} s"), at_header(success, "contact", f"{granted} s are granted")),
        f"The REGISTER of {transaction.request.to.uri.text} asks for {asked} s, and the registrar keeps the binding for"
        f" {granted} s: calls go to a client that may have left.",
        {"asked": str(asked), "granted": str(granted)},
        calls=(transaction.call_id,),
    )


@check(
    "reg-binding-missing-in-200",
    title="The {status} to REGISTER does not name the contact that was registered",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §10.3",
    absent=_NONE_ACCEPTED,
    only=_is_registered,
)
def reg_binding_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 2xx to REGISTER lists other contacts than the registered one, or none (RFC 3261 §10.3 step 8).

    Low where it lists none at all, which many registrars and test tools do; a contact of the same user or host counts.
    """
    success, request = transaction.success, transaction.request
    if success is None or not _binds(request) or success.fidelity is Fidelity.TRUNCATED:
        return
    listed = success.contacts
    if any(_is_same_contact(own, other) for own in request.contacts for other in listed):
        return
    if model.is_forwarded(transaction):
        return
    own = request.contacts[0].uri.text
    yield Found(
        (
            at_header(request, "contact", "the contact to be registered"),
            at_header(success, "contact", "what the registrar lists") if listed else at(success, "lists no contact"),
        ),
        f"{request.to.uri.text} registered {own}, and the {success.status} "
        + (
            f"lists only {', '.join(entry.uri.text for entry in listed[:3])}." if listed else "lists no contact at all."
        ),
        {"status": str(success.status)},
        key=("others" if listed else "none",),
        calls=(transaction.call_id,),
        severity=None if listed else Severity.LOW,
    )


@check(
    "reg-expires-missing",
    title="The {status} to REGISTER does not say how long the binding lives",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.3",
    absent=_NONE_ACCEPTED,
    only=_is_registered,
)
def reg_expires_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 2xx to REGISTER lists a contact without an expires parameter (RFC 3261 §10.3 step 8), and has no Expires."""
    success = transaction.success
    if success is None or not _binds(transaction.request) or success.lines_of("expires"):
        return
    silent = [entry for entry in success.contacts if entry.parameter("expires") is None]
    if not silent or any("expires" in entry.uri.text for entry in silent) or model.is_forwarded(transaction):
        return
    yield Found(
        (at_header(success, "contact", "a contact without `expires`"),),
        f"The {success.status} lists {silent[0].uri.text} without an `expires` parameter and has no Expires header, so"
        f" that"
        " the client cannot know when to register again.",
        {"status": str(success.status)},
        calls=(transaction.call_id,),
    )


@check(
    "reg-too-many-contacts",
    title="{count} contacts are registered for one user",
    severity=Severity.LOW,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §10.3",
    absent=_NONE_ACCEPTED,
    only=_is_registered,
)
def reg_too_many_contacts(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 2xx to REGISTER lists more than five contacts of one user: leftovers of restarts or of NAT."""
    success = transaction.success
    if success is None or len(success.contacts) <= USUAL_CONTACTS or model.is_forwarded(transaction):
        return
    count = len(success.contacts)
    yield Found(
        (at_header(success, "contact", "the first of them"),),
        f"The registrar lists {count} contacts for {transaction.request.to.uri.text}; each call to the user is sent to"
        f" all of"
        " them.",
        {"count": str(count)},
        key=(transaction.request.to.uri.user,),
        calls=(transaction.call_id,),
    )


@check(
    "contact-star-nonzero",
    title="REGISTER with `Contact: *` and {fault}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.2.2",
    absent=_ABSENT,
    only=_is_register,
)
def contact_star_nonzero(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """`Contact: *` stands with a lifetime other than 0, or beside another contact (RFC 3261 §10.2.2, §10.3 step 6)."""
    contacts = transaction.request.contacts
    if not any(entry.text.strip() == "*" for entry in contacts) or model.is_forwarded(transaction):
        return
    expires = (transaction.request.header("expires") or "").strip()
    if len(contacts) > 1:
        fault = "another contact"
    elif expires != "0":
        fault = f"Expires {expires}" if expires else "no Expires"
    else:
        return
    final = transaction.final
    yield Found(
        (
            at_header(transaction.request, "contact", "removes all bindings"),
            *([at(final, "the registrar's answer")] if final is not None else []),
        ),
        f"A REGISTER with `Contact: *` removes every binding of {transaction.request.to.uri.text} and needs `Expires:"
        f" 0`;"
        f" this one has {fault}.",
        {"fault": fault},
        key=("other" if len(contacts) > 1 else "expires",),
        calls=(transaction.call_id,),
    )


@check(
    "reg-uri-userinfo",
    title="The Request-URI of a REGISTER names a user",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.2",
    absent=_ABSENT,
    only=_is_register,
)
def reg_uri_userinfo(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The Request-URI of a REGISTER has a user part, though it names the domain only (RFC 3261 §10.2)."""
    uri = transaction.request.request_uri
    if not uri.is_sip or not uri.user or model.is_forwarded(transaction):
        return
    yield Found(
        (at(transaction.request, "the Request-URI"),),
        f"The REGISTER goes to {uri.text}; its Request-URI must name the domain alone, without user and `@`.",
        calls=(transaction.call_id,),
    )


@check(
    "reg-cseq-not-incremented",
    title="A REGISTER repeats the CSeq of an earlier one",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.2",
    absent=_ABSENT,
)
def reg_cseq_not_incremented(registration: Registration, _: Model) -> Iterator[Outcome]:
    """A REGISTER has the Call-ID of an earlier one and no higher CSeq (RFC 3261 §10.2); a registrar ignores it."""
    highest: dict[str, Transaction] = {}
    for transaction in registration.transactions:
        before = highest.get(transaction.call_id)
        number = transaction.request.cseq.number
        if number is None:
            continue
        if before is None or number > (before.request.cseq.number or 0):
            highest[transaction.call_id] = transaction
            continue
        yield Found(
            (
                at_header(before.request, "cseq", "the earlier REGISTER"),
                at_header(transaction.request, "cseq", "a later one, with no higher number"),
            ),
            f"Two REGISTERs of {registration.address_of_record} with one Call-ID have the CSeq numbers"
            f" {before.request.cseq.number} and then {number}.",
            calls=(transaction.call_id,),
        )
        return


@check(
    "reg-pipelined",
    title="A REGISTER was sent before the one before it was answered",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.2",
    needs=Needs.TIMES,
    absent=_ABSENT,
)
def reg_pipelined(registration: Registration, _: Model) -> Iterator[Outcome]:
    """A client sends a new REGISTER while its last one with this Call-ID still waits for an answer (RFC 3261 §10.2)."""
    for before, after in zip(registration.transactions, registration.transactions[1:], strict=False):
        answered = before.final.observation.time if before.final is not None else None
        if before.call_id != after.call_id or answered is None or after.time is None or after.time >= answered:
            continue
        yield Found(
            (at(before.request, "not answered yet"), at(after.request, "the next REGISTER")),
            f"{registration.address_of_record} sent a REGISTER {answered - after.time:.2f} s before the answer to the"
            f" one"
            " before it.",
            calls=(after.call_id,),
        )
        return
