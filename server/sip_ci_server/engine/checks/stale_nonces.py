"""Nonces that have run out without the server saying so (RFC 7616 §3.3)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.attempts import challenges_of, is_challenge
from sip_ci_server.engine.checks.digest import digests_of, header_of
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import seconds_between
from sip_ci_server.engine.transactions import Transaction

_NONCE = re.compile(r"(?i)\bnonce\b|\bstale\b")
LOOK_BACK = 50
"""Earlier requests of the same Call-ID that are searched for one with the same nonce."""
RETRIES_WITHIN = 5.0
"""Seconds within which a client that takes the new nonce sends the request again."""
GIVES_UP = 60.0
"""Seconds after which the next request is no answer to the challenge."""


def _was_challenged_again(transaction: Transaction) -> bool:
    return is_challenge(transaction.final) and bool(digests_of(transaction.request))


@check(
    "auth-stale-unsaid",
    title="{status} to a nonce that {what} does not say stale=true",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 7616 §3.3",
    absent="the trace holds no credentials that were challenged again",
    only=_was_challenged_again,
)
def auth_stale_unsaid(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """Credentials with a nonce that was accepted before, or that the server itself calls stale in its reason phrase,
    met a new nonce without `stale=true` (RFC 7616 §3.3).

    Medium only where the client is seen to give up: many registrars leave the flag out, and most clients try again.
    """
    final = transaction.final
    if final is None or model.relayed_from_further_on(transaction):
        return
    offered = challenges_of(final)
    used = {entry.get("nonce") for entry in digests_of(transaction.request)} - {""}
    if not offered or any(entry.get("stale").lower() == "true" or entry.get("nonce") in used for entry in offered):
        return
    same_call = model.transactions_of(transaction.call_id)
    here = bisect_left(same_call, transaction.number, key=lambda item: item.number)
    accepted = next(
        (
            item
            for item in reversed(same_call[max(0, here - LOOK_BACK) : here])
            if item.success is not None
            and item.method == transaction.method
            and item.destination_node == transaction.destination_node
            and used & {entry.get("nonce") for entry in digests_of(item.request)}
        ),
        None,
    )
    says_so = _NONCE.search(final.reason) is not None
    if accepted is None and not says_so:
        return
    later = next(
        (item for item in same_call[here:] if item.method == transaction.method and item is not transaction), None
    )
    waits = seconds_between(final, later.request) if later is not None else None
    given_up = (later is None and model.seen.would_show(final.observation.time, RETRIES_WITHIN)) or (
        waits is not None and waits > GIVES_UP
    )
    remark = ""
    if given_up:
        remark = " The client did not try again" + (f" for {waits:.0f} s." if waits is not None else ".")
    yield Found(
        (
            *(
                [at_header(accepted.request, header_of(accepted.request), "credentials that were accepted")]
                if accepted is not None
                else []
            ),
            at_header(transaction.request, header_of(transaction.request), "the nonce that is refused"),
            at_header(final, header_of(final), "another nonce, without stale=true")
            if final.lines_of(header_of(final))
            else at(final, "another nonce, without stale=true"),
        ),
        f"{transaction.method} with a nonce that {final.observation.source or 'the server'}"
        f" {'had accepted before' if accepted is not None else 'had given'} was"
        f" answered {final.status} {final.reason} with a new nonce, but without `stale=true`. A client that takes that"
        f" for a wrong password gives up and asks its user.{remark}",
        {
            "status": str(final.status),
            "what": "was accepted before" if accepted is not None else "has run out",
        },
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=None if given_up else Severity.LOW,
    )
