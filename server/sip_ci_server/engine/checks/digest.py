"""Digest authentication that cannot work, or protects badly (RFC 3261 §22, RFC 7616, RFC 8760)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.uri import Uri, parse_uri
from sip_ci.wording import times
from sip_ci_server.engine.attempts import (
    Attempt,
    Challenge,
    challenges_of,
    credentials_of,
    is_challenge,
    parse_credentials,
)
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.once import once_for_each_model
from sip_ci_server.engine.transactions import Transaction

_COUNTER = re.compile(r"[0-9A-Fa-f]{8}")
REQUIRED = ("username", "realm", "nonce", "uri", "response")
"""What digest credentials must have (RFC 7616 §3.4)."""
STRONG = ("sha-256", "sha-256-sess", "sha-512-256", "sha-512-256-sess")
WEAK = ("", "md5", "md5-sess")
PATIENCE = 5.0
"""Seconds within which a client that can answers a challenge."""


def header_of(message: SipMessage) -> str:
    """The canonical name of the credentials or challenge that a message carries."""
    names = ("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate")
    return next((name for name in names if message.lines_of(name)), "authorization")


def was_refused(transaction: Transaction) -> bool:
    """Whether a request ended in a challenge, in 403, or in 400 (RFC 7616 §3.4 asks for that)."""
    return transaction.final is not None and transaction.final.status in (400, 401, 403, 407)


def digests_of(request: SipMessage) -> list[Challenge]:
    """The digest credentials of a request."""
    return [entry for entry in credentials_of(request) if entry.scheme == "digest"]


def _is_answered(attempt: Attempt) -> bool:
    return any(credentials_of(item.request) for item in attempt.transactions)


@check(
    "auth-challenge-missing",
    title="{status} without {header}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §22.2, §22.3",
    absent="the trace holds no 401 or 407",
    only=lambda transaction: is_challenge(transaction.final),
)
def auth_challenge_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 401 has no WWW-Authenticate, or a 407 no Proxy-Authenticate (RFC 3261 §22.2, §22.3), so nothing can answer.

    Low where a later try succeeds all the same.
    """
    final = transaction.final
    if final is None or final.fidelity is Fidelity.TRUNCATED or model.relayed_from_further_on(transaction):
        return
    header = "WWW-Authenticate" if final.status == 401 else "Proxy-Authenticate"
    if final.lines_of(header.lower()) or transaction.method in ("ACK", "CANCEL"):
        return
    yield Found(
        (at(transaction.request, "the request"), at(final, f"its refusal, without {header}")),
        f"{transaction.method} was answered {final.status} {final.reason} by"
        f" {final.observation.source or 'the far end'}, and the response has no {header} header: it names no realm and"
        " no nonce, so that no client can answer it.",
        {"status": str(final.status), "header": header},
        key=(transaction.method, str(final.status)),
        calls=(transaction.call_id,),
        severity=Severity.LOW if model.lookups.succeeds_later(transaction) else None,
    )


@check(
    "auth-stale-loop",
    title="{method} meets a stale nonce again and again",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 7616 §3.3",
    absent="no exchange of the trace was challenged more than once",
    only=lambda attempt: len(attempt.challenged) > 1 and _is_answered(attempt),
)
def auth_stale_loop(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """Credentials made from a nonce of this very exchange were refused with `stale=true` twice or more (RFC 7616 §3.3).

    One stale nonce is normal: the client used one from an earlier exchange.
    """
    if model.is_forwarded(attempt.last):
        return
    given: set[str] = set()
    stale: list[Transaction] = []
    for item in attempt.challenged:
        offered = challenges_of(item.final) if item.final is not None else []
        used = {entry.get("nonce") for entry in digests_of(item.request)}
        if used & given and any(entry.get("stale").lower() == "true" for entry in offered):
            stale.append(item)
        given.update(entry.get("nonce") for entry in offered)
    if len(stale) < 2:
        return
    final = stale[0].final
    yield Found(
        (
            at_header(stale[0].request, header_of(stale[0].request), "credentials made from the nonce just given"),
            *([at_header(final, header_of(final), "which is already stale")] if final is not None else []),
        ),
        f"{attempt.first.method} was sent {times(len(stale))} with credentials made from the nonce of the challenge"
        " just before, and each was refused as stale.",
        {"method": attempt.first.method},
        key=(attempt.first.method,),
        calls=(attempt.call_id,),
    )


@check(
    "auth-realm-mismatch",
    title="Credentials for realm {used} answer a challenge for realm {asked}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 7616 §3.4",
    absent="the trace holds no challenge that was answered",
    only=lambda attempt: bool(attempt.challenged) and _is_answered(attempt),
)
def auth_realm_mismatch(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """Credentials carry the nonce of a challenge and a realm that it does not have (RFC 7616 §3.4)."""
    realms: dict[str, set[str]] = {}
    for item in attempt.transactions:
        for entry in digests_of(item.request):
            asked = realms.get(entry.get("nonce"))
            if not asked or entry.get("realm") in asked or model.is_forwarded(item):
                continue
            yield Found(
                (
                    at_header(
                        item.request, header_of(item.request), "the credentials, with the nonce of that challenge"
                    ),
                ),
                f"{item.method} answers a challenge for realm {', '.join(sorted(map(repr, asked)))} with credentials"
                f" for realm {entry.get('realm')!r}; the digest is made from the realm, so that it cannot fit.",
                {"used": repr(entry.get("realm")), "asked": " or ".join(sorted(map(repr, asked)))},
                key=(item.method,),
                calls=(attempt.call_id,),
                severity=None if was_refused(item) else Severity.LOW,
            )
            return
        if item.final is not None and is_challenge(item.final):
            for entry in challenges_of(item.final):
                realms.setdefault(entry.get("nonce"), set()).add(entry.get("realm"))


@check(
    "auth-wrong-header",
    title="The challenge of a {status} was answered in {header}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §22.2, §22.3",
    absent="the trace holds no challenge that was answered",
    only=lambda attempt: bool(attempt.challenged) and _is_answered(attempt),
)
def auth_wrong_header(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """A WWW-Authenticate is answered in Proxy-Authorization, or a Proxy-Authenticate in Authorization."""
    nonces: dict[str, set[str]] = {"authorization": set(), "proxy-authorization": set()}
    for item in attempt.transactions:
        for name, other, status in (
            ("authorization", "proxy-authorization", 407),
            ("proxy-authorization", "authorization", 401),
        ):
            used = {entry.get("nonce") for entry in _entries(item.request, name)} - {""}
            if used & nonces[other] - nonces[name] and not _entries(item.request, other) and was_refused(item):
                if model.is_forwarded(item):
                    return
                written = "Authorization" if name == "authorization" else "Proxy-Authorization"
                yield Found(
                    (at_header(item.request, name, f"the credentials; a {status} is answered in the other header"),),
                    f"The challenge of a {status} was answered in {written}, which its sender does not look at; the"
                    " request was refused again.",
                    {"status": str(status), "header": written},
                    key=(item.method, str(status)),
                    calls=(attempt.call_id,),
                )
                return
        if item.final is not None and is_challenge(item.final):
            nonces["authorization"].update(entry.get("nonce") for entry in _entries(item.final, "www-authenticate"))
            nonces["proxy-authorization"].update(
                entry.get("nonce") for entry in _entries(item.final, "proxy-authenticate")
            )


def _entries(message: SipMessage, name: str) -> list[Challenge]:
    return [parse_credentials(message.value_of(line)) for line in message.lines_of(name)]


@check(
    "auth-credentials-incomplete",
    title="Digest credentials without {missing}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 7616 §3.4",
    absent="the trace holds no request with credentials",
    only=lambda attempt: _is_answered(attempt),
)
def auth_credentials_incomplete(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """Digest credentials lack one of the parameters that each must have (RFC 7616 §3.4), and were refused."""
    for item in attempt.transactions:
        for entry in digests_of(item.request):
            missing = [name for name in REQUIRED if not entry.get(name) and name not in entry.parameters]
            if not missing or model.is_forwarded(item):
                continue
            yield Found(
                (at_header(item.request, header_of(item.request), f"the credentials, without {', '.join(missing)}"),),
                f"The digest credentials of the {item.method} have no {', '.join(missing)}.",
                {"missing": ", ".join(missing)},
                key=tuple(missing),
                calls=(attempt.call_id,),
                severity=None if was_refused(item) else Severity.LOW,
            )
            return


@check(
    "auth-qop-nc-error",
    title="Digest credentials {fault}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 7616 §3.4",
    absent="the trace holds no request with credentials",
)
def auth_qop_nc_error(model: Model, _: Model) -> Iterator[Outcome]:
    """Credentials with qop lack nc or cnonce, have an nc of other than eight digits, or a client counts two requests
    with one nonce alike (RFC 7616 §3.4).

    Medium where the request was refused, else low. Forwarded copies, ACK and CANCEL repeat credentials rightly.
    """
    counted: dict[tuple[str, str, str, str], tuple[str, int | None]] = {}
    told: set[str] = set()
    for item in model.transactions:
        if item.method in ("ACK", "CANCEL") or not (
            item.request.lines_of("authorization") or item.request.lines_of("proxy-authorization")
        ):
            continue
        for entry in digests_of(item.request):
            if not entry.get("qop"):
                continue
            lacking = [name for name in ("nc", "cnonce") if not entry.get(name)]
            place = (entry.get("nonce"), entry.get("nc"), item.source_node, item.destination_node)
            request = (item.call_id, item.request.cseq.number)
            again = not lacking and counted.setdefault(place, request) != request
            counter = entry.get("nc")
            misspelled = not lacking and _COUNTER.fullmatch(counter) is None
            fault = f"with qop have no {' and no '.join(lacking)}" if lacking else "count two requests alike"
            fault = "count with other than eight digits" if misspelled else fault
            if not (lacking or again or misspelled) or fault in told or model.is_forwarded(item):
                continue
            told.add(fault)
            yield Found(
                (at_header(item.request, header_of(item.request), "the credentials"),),
                f"The credentials of the {item.method} say `qop={entry.get('qop')}`"
                + (
                    f" and have no {' and no '.join(lacking)}."
                    if lacking
                    else f" and `nc={counter[:20]}`, where eight hexadecimal digits are due."
                    if misspelled
                    else f" and `nc={entry.get('nc')}`, which an earlier request with the same nonce had: a server that"
                    " guards against replays refuses the second."
                ),
                {"fault": fault},
                key=(fault,),
                calls=(item.call_id,),
                severity=None if was_refused(item) else Severity.LOW,
            )


@check(
    "auth-cseq-not-incremented",
    title="{method} was sent again with credentials and the same CSeq",
    severity=Severity.LOW,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §22.2",
    absent="the trace holds no challenge that was answered",
    only=lambda attempt: bool(attempt.challenged) and _is_answered(attempt),
)
def auth_cseq_not_incremented(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """The request that answers a challenge has the CSeq of the one that was challenged (RFC 3261 §22.2)."""
    for earlier, later in zip(attempt.transactions, attempt.transactions[1:], strict=False):
        number = later.request.cseq.number
        if not credentials_of(later.request) or number is None or number != earlier.request.cseq.number:
            continue
        if not is_challenge(earlier.final) or model.is_forwarded(later):
            continue
        yield Found(
            (
                at_header(earlier.request, "cseq", "the request that was challenged"),
                at_header(later.request, "cseq", "the one with credentials, with the same CSeq"),
            ),
            f"{later.method} was challenged and sent again with credentials, and its CSeq is still {number}.",
            {"method": later.method},
            key=(later.method,),
            calls=(attempt.call_id,),
        )
        return


def _other_uris(request: SipMessage) -> list[Uri]:
    """The URIs that digests of a request were made for, where they are not the Request-URI."""
    target = request.request_uri
    uris = [parse_uri(entry.get("uri")) for entry in digests_of(request)]
    return [uri for uri in uris if uri.host and target.host and _place_of(uri) != _place_of(target)]


def _place_of(uri: Uri) -> tuple[str, str, int, str]:
    """What servers compare of the two URIs: user, host, port and transport, with the defaults filled in."""
    return uri.user, uri.host, uri.effective_port, (uri.parameter("transport") or "udp").lower()


@once_for_each_model
def _tolerant(model: Model) -> frozenset[str]:
    """The servers that accepted credentials which were made for another URI."""
    return frozenset(
        item.destination.host
        for attempt in model.attempts
        for item in attempt.transactions
        if item.success is not None and item.destination is not None and _other_uris(item.request)
    )


@check(
    "auth-uri-mismatch",
    title="The digest was made for {uri} and the request goes elsewhere",
    severity=Severity.LOW,
    category=Category.AUTHENTICATION,
    rfc="RFC 7616 §3.4",
    absent="the trace holds no request with credentials",
    only=lambda attempt: _is_answered(attempt),
)
def auth_uri_mismatch(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """Refused credentials were made for another URI than the Request-URI (RFC 7616 §3.4.6), at the client's own hop.

    Silent where the same server accepts such credentials elsewhere in the trace.
    """
    for item in attempt.transactions:
        if len(item.request.via) > 1 or not was_refused(item):
            continue
        target = item.request.request_uri
        for uri in _other_uris(item.request):
            if item.destination is not None and item.destination.host in _tolerant(model):
                return
            yield Found(
                (
                    at(item.request, "the Request-URI"),
                    at_header(item.request, header_of(item.request), "the credentials, with another `uri`"),
                ),
                f"The credentials of the {item.method} were made for {uri.text}, the request goes to {target.text}, and"
                " it was refused.",
                {"uri": uri.text},
                key=(item.method,),
                calls=(attempt.call_id,),
            )
            return


@check(
    "auth-algorithm-unsupported",
    title="The challenge allows only {offered}, and the client {answer}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8760 §2.4",
    absent="the trace holds no challenge",
    only=lambda attempt: bool(attempt.challenged),
)
def auth_algorithm_unsupported(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """All challenges ask for SHA-256 or SHA-512-256, and the client answers with MD5 or not at all (RFC 8760)."""
    first = attempt.challenged[0]
    final = first.final
    if final is None or attempt.last.success is not None or model.is_forwarded(attempt.last):
        return
    offered = {entry.get("algorithm").lower() for entry in challenges_of(final) if entry.scheme == "digest"}
    if not offered or not offered <= set(STRONG):
        return
    answers = [item for item in attempt.transactions if digests_of(item.request) and item.number > first.number]
    if answers:
        used = {entry.get("algorithm").lower() for item in answers for entry in digests_of(item.request)}
        if not used <= set(WEAK):
            return
        answer = "answers with MD5"
    elif model.seen.would_show(final.observation.time, PATIENCE):
        answer = "never answers"
    else:
        return
    yield Found(
        (
            at_header(final, header_of(final), "the challenge"),
            *([at_header(answers[0].request, header_of(answers[0].request), "the answer")] if answers else []),
        ),
        f"{attempt.first.method} was challenged with {' and '.join(sorted(offered)).upper()} only, and the client"
        f" {answer}: it does not know the algorithm.",
        {"offered": " and ".join(sorted(offered)).upper(), "answer": answer},
        key=(attempt.first.method, answer),
        calls=(attempt.call_id,),
    )
