"""Authentication that protects too little: what a challenge offers, and registrars that ask for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.wording import plural
from sip_ci_server.engine.addresses import same_subnet
from sip_ci_server.engine.attempts import Attempt, challenges_of, credentials_of, is_challenge
from sip_ci_server.engine.checks.digest import WEAK, header_of
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.exposure import ends_of, exposure_severity, is_readable_on_the_way, lowest_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.registrations import requested_expires
from sip_ci_server.engine.transactions import Transaction

_NO_CHALLENGE = "the trace holds no challenge"
NONCE_LIFETIME = 10.0
"""Seconds within which some servers give the same nonce to everyone, made from the time alone."""


def _challenges(model: Model) -> list[tuple[Transaction, SipMessage]]:
    return [
        (item, item.final)
        for status in (401, 407)
        for item in model.ended_with(status)
        if item.final is not None and is_challenge(item.final)
    ]


@check(
    "auth-basic",
    title="Basic authentication: {header} shows the password",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 3261 §22",
    absent="the trace holds no challenge and no credentials",
    only=lambda attempt: bool(attempt.challenged) or any(credentials_of(item.request) for item in attempt.transactions),
)
def auth_basic(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """A challenge asks for Basic, or credentials are Basic: the password is readable (RFC 3261 §22)."""
    for item in attempt.transactions:
        sent = any(entry.scheme == "basic" for entry in credentials_of(item.request))
        final = item.final if is_challenge(item.final) else None
        asked = final is not None and any(entry.scheme == "basic" for entry in challenges_of(final))
        if not (sent or asked) or model.is_forwarded(item):
            continue
        message = item.request if sent or final is None else final
        header = header_of(message)
        yield Found(
            (at_header(message, header, "the Basic scheme"),),
            f"The {message.summary} uses Basic authentication"
            + (": the password is in the message, only encoded." if sent else ": it asks for the password itself."),
            {"header": header},
            key=("sent" if sent else "asked",),
            calls=(attempt.call_id,),
            severity=lowest_of(
                exposure_severity(message), None if sent else Severity.MEDIUM,
                None if is_readable_on_the_way(message) else Severity.MEDIUM,
            ),
        )  # fmt: skip
        return


@check(
    "auth-md5-only",
    title="Challenges offer no other digest algorithm than MD5",
    severity=Severity.LOW,
    category=Category.SECURITY,
    rfc="RFC 8760 §1",
)
def auth_md5_only(model: Model, _: Model) -> Iterator[Outcome]:
    """Every digest challenge of a response is for MD5, which RFC 8760 calls too weak; only noted inside a lab."""
    concerned = [
        (item, final)
        for item, final in _challenges(model)
        if (offered := [entry for entry in challenges_of(final) if entry.scheme == "digest"])
        and all(entry.get("algorithm").lower() in WEAK for entry in offered)
    ]
    yield from _of_all(
        model, concerned, "MD5 is the only algorithm that is offered", "offered MD5 and no stronger digest algorithm."
    )


@check(
    "sec-digest-no-qop",
    title="Challenges without qop",
    severity=Severity.LOW,
    category=Category.SECURITY,
    rfc="RFC 7616 §3.3",
)
def sec_digest_no_qop(model: Model, _: Model) -> Iterator[Outcome]:
    """A digest challenge has no qop, so that neither client nonce nor counter protects from replays (RFC 7616 §3.3)."""
    concerned = [
        (item, final)
        for item, final in _challenges(model)
        if any(entry.scheme == "digest" and not entry.get("qop") for entry in challenges_of(final))
    ]
    yield from _of_all(
        model, concerned, "qop is missing", "came without `qop`, as in the first digest of 1997 (RFC 2069)."
    )


def _of_all(model: Model, concerned: list[tuple[Transaction, SipMessage]], why: str, words: str) -> Iterator[Outcome]:
    if not _challenges(model):
        yield NotCheckable(_NO_CHALLENGE)
    if not concerned:
        return
    leader = next((final for _, final in concerned if exposure_severity(final) is None), concerned[0][1])
    yield Found(
        (at_header(leader, header_of(leader), why),),
        f"{len(concerned)} of {plural(len(_challenges(model)), 'challenge')} {words}",
        calls=tuple(dict.fromkeys(item.call_id for item, _ in concerned)),
        severity=exposure_severity(leader, Severity.INFO),
    )


@check(
    "sec-digest-nonce-reuse",
    title="One nonce was given to {clients} clients",
    severity=Severity.MEDIUM,
    category=Category.SECURITY,
    rfc="RFC 7616 §3.3",
)
def sec_digest_nonce_reuse(model: Model, _: Model) -> Iterator[Outcome]:
    """Challenges of different calls to different hosts carry the same nonce (RFC 7616 §3.3, §5.12).

    Low where they are less than ten seconds apart: nonces made from the time alone are the same for everyone then.
    """
    challenges = _challenges(model)
    if not challenges:
        yield NotCheckable(_NO_CHALLENGE)
    given: dict[str, list[tuple[Transaction, SipMessage]]] = {}
    for item, final in challenges:
        for entry in challenges_of(final):
            if entry.scheme == "digest" and entry.get("nonce"):
                given.setdefault(entry.get("nonce"), []).append((item, final))
    for entries in given.values():
        calls = {item.call_id for item, _ in entries}
        clients = {item.source.host for item, _ in entries if item.source is not None}
        if len(calls) < 2 or len(clients) < 2:
            continue
        first, last = (
            entries[0],
            next(entry for entry in reversed(entries) if entry[0].call_id != entries[0][0].call_id),
        )
        started, ended = first[1].observation.time, last[1].observation.time
        brief = started is None or ended is None or ended - started < NONCE_LIFETIME
        yield Found(
            (
                at_header(first[1], header_of(first[1]), "a challenge"),
                at_header(last[1], header_of(last[1]), "another client's challenge, with the same nonce"),
            ),
            f"The same nonce stands in the challenges of {len(calls)} calls to {len(clients)} hosts, so that"
            " credentials that one client sent can be sent again by another.",
            {"clients": str(len(clients))},
            calls=tuple(sorted(calls)),
            severity=lowest_of(exposure_severity(first[1]), Severity.LOW if brief else None),
        )
        return


@check(
    "sec-open-registrar",
    title="The registrar {registrar} accepts registrations without a password",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 3261 §10.3",
    confidence=Confidence.LIKELY,
    absent="the trace holds no REGISTER that was accepted",
    only=lambda attempt: attempt.first.method == "REGISTER" and attempt.last.success is not None,
)
def sec_open_registrar(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """A REGISTER that binds a contact was accepted without credentials, and this user never sent any (RFC 3261 §10.3).

    At most low inside a lab, medium in TLS, where the client's certificate may have told who it is, and from a
    neighbour of the registrar, whose network it may trust; silent behind an edge proxy, which may have asked.
    """
    transaction = attempt.last
    request, success = transaction.request, transaction.success
    if success is None or not request.contacts or requested_expires(request) == 0 or len(request.via) > 1:
        return
    user = f"{request.to.uri.user}@{request.to.uri.host}"
    known = [item for entry in model.registrations_of(user) for item in entry.transactions]
    if any(credentials_of(item.request) or is_challenge(item.final) for item in known):
        return
    registrar = success.observation.source or request.request_uri.host
    client, server = ends_of(request)
    neighbours = client is not None and server is not None and same_subnet(client, server)
    known_otherwise = neighbours or not is_readable_on_the_way(request)
    yield Found(
        (at(request, "the REGISTER, without Authorization"), at(success, "is accepted")),
        f"{user} registered {request.contacts[0].uri.text} at {registrar} without credentials, and no"
        f" challenge was sent.{' Both are of one network, which may be trusted.' if neighbours else ''}",
        {"registrar": str(registrar)},
        calls=(attempt.call_id,),
        severity=lowest_of(exposure_severity(request), Severity.MEDIUM if known_otherwise else None),
    )
