"""Authentication: credentials refused, never sent, or asked for again and again (RFC 3261 §22, RFC 7616)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.wording import plural
from sip_ci_server.engine.attempts import Attempt, challenges_of, credentials_of, is_challenge
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model

PATIENCE = 5.0
"""Seconds within which a client that has credentials answers a challenge."""


@check(
    "auth-failed-credentials",
    title="{method} with credentials for {realm} was refused with {status}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §22.1",
    absent="the trace holds no request with credentials",
    only=lambda attempt: any(credentials_of(item.request) for item in attempt.transactions),
)
def auth_failed_credentials(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """Credentials for the challenged realm were refused, and no later try succeeded (RFC 3261 §22.1 to §22.3).

    A stale nonce (RFC 7616 §3.3, `stale=true`), a second realm on the path, a client that asks for another sequence
    number (RFC 3310 §3.4, `auts`), and a retry that succeeds are no failure.
    """
    if attempt.last.success is not None or model.is_forwarded(attempt.last):
        return
    fresh: set[str] = set()
    for transaction in attempt.transactions:
        final = transaction.final
        credentials = credentials_of(transaction.request)
        used = {entry.get("nonce") for entry in credentials}
        known = bool(used & fresh)
        if is_challenge(final) and final is not None:
            fresh.update(entry.get("nonce") for entry in challenges_of(final))
        if final is None or not credentials or any(entry.get("auts") for entry in credentials):
            continue
        refused_for_good = final.status == 403 and (transaction.method == "REGISTER" or _blames_credentials(final))
        if not is_challenge(final) and not refused_for_good:
            continue
        realms = {entry.get("realm") for entry in credentials}
        challenges = challenges_of(final)
        if is_challenge(final):
            same_realm = [entry for entry in challenges if entry.get("realm") in realms]
            # Credentials made from an older nonce may be refused for the nonce alone, even without stale=true.
            if not same_realm or not known or any(entry.get("stale").lower() == "true" for entry in same_realm):
                continue
        realm = next(iter(sorted(realms)), "")
        user = next((entry.get("username") for entry in credentials), "")
        header = "authorization" if transaction.request.lines_of("authorization") else "proxy-authorization"
        tries = sum(1 for item in attempt.transactions if credentials_of(item.request))
        yield Found(
            (
                at_header(transaction.request, header, f"the credentials of {user!r} for realm {realm!r}"),
                at(final, "their refusal"),
            ),
            f"{transaction.method} was sent with credentials of user {user!r} for realm {realm!r},"
            f" {plural(tries, 'time')} in all, and"
            f" answered {final.status} {final.reason}. The user name, the password or the realm is wrong.",
            {"method": transaction.method, "realm": realm, "status": f"{final.status} {final.reason}".strip()},
            key=(transaction.method, str(final.status)),
            calls=(attempt.call_id,),
        )
        return


def _blames_credentials(refusal: SipMessage) -> bool:
    """Whether the reason phrase of a refusal names the credentials; a bare 403 may as well bar the destination."""
    phrase = (refusal.reason or "").lower()
    return any(word in phrase for word in ("password", "credential", "authentication failed", "wrong user"))


@check(
    "auth-no-credentials",
    title="{method} was never sent again with credentials after {status}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §22.2",
    needs=Needs.TIMES,
    absent="the trace holds no challenge",
    only=lambda attempt: bool(attempt.challenged),
)
def auth_no_credentials(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """A challenge was not answered within five seconds, in this Call-ID or another (RFC 3261 §22.2).

    Credentials for a nonce that none of the challenges gave answer none of them.
    """
    final = attempt.last.final
    if final is None or not is_challenge(final) or _has_answered_one(attempt):
        return
    # In another Call-ID or over another path, too.
    if model.credentials.answer(attempt, 2 * PATIENCE):
        return
    if model.is_forwarded(attempt.last):
        return
    if not model.seen.would_show(final.observation.time, PATIENCE):
        yield NotCheckable(f"the trace ends less than {PATIENCE:g} s after the challenge")
        return
    method = attempt.last.method
    realm = next((entry.get("realm") for entry in challenges_of(final)), "")
    severity = {"INVITE": None, "REGISTER": None, "OPTIONS": Severity.INFO}.get(method, Severity.MEDIUM)
    carried = "with credentials for another nonce" if credentials_of(attempt.last.request) else "without credentials"
    name = "www-authenticate" if final.status == 401 else "proxy-authenticate"
    yield Found(
        (at(attempt.last.request, f"the request, {carried}"), at_header(final, name, "the challenge")),
        f"{method} from {attempt.last.source or 'the client'} was answered {final.status} for realm {realm!r}, and"
        f" it did not"
        f" send credentials within {PATIENCE:.0f} s.",
        {"method": method, "status": f"{final.status} {final.reason}".strip()},
        key=(method,),
        calls=(attempt.call_id,),
        severity=severity,
    )


def _has_answered_one(attempt: Attempt) -> bool:
    """Whether credentials were sent that can answer one of the challenges, or whose challenge is not in the trace."""
    given: set[str] = set()
    answered = False
    for item in attempt.transactions:
        used = {entry.get("nonce") for entry in credentials_of(item.request)}
        answered = answered or (bool(used) and (not given or bool(used & given)))
        if is_challenge(item.final) and item.final is not None:
            given.update(entry.get("nonce") for entry in challenges_of(item.final))
    return answered


@check(
    "auth-loop",
    title="{method} is challenged again and again",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §22.1",
    absent="the trace holds no challenge",
    only=lambda attempt: bool(attempt.challenged),
)
def auth_loop(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """At least three challenges and no success (RFC 3261 §22.1): credentials that fail, or that are dropped on the
    way.
    """
    challenged = attempt.challenged
    if len(challenged) < 3 or attempt.last.success is not None or attempt.first.method == "OPTIONS":
        return
    if model.is_forwarded(attempt.last):
        return
    with_credentials = [item for item in challenged if credentials_of(item.request)]
    stale = [
        item
        for item in with_credentials
        if item.final is not None and any(entry.get("stale").lower() == "true" for entry in challenges_of(item.final))
    ]
    if stale:
        kind = f"{len(stale)} of the challenges said that the nonce was stale"
    elif with_credentials:
        kind = "the credentials are refused each time"
    else:
        kind = "no try carries credentials: the client drops them, or an element on the way does"
    yield Found(
        tuple(at(item.request, f"try {number}") for number, item in enumerate(challenged[:3], 1)),
        f"{attempt.first.method} was challenged {len(challenged)} times and never accepted; {kind}.",
        {"method": attempt.first.method},
        key=(attempt.first.method, "credentials" if with_credentials else "silent-drop"),
        calls=(attempt.call_id,),
    )
