"""What digest credentials say of the quality of protection, beside what the challenge offered (RFC 7616)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import Challenge, challenges_of, is_challenge
from sip_ci_server.engine.checks.digest import digests_of, header_of, was_refused
from sip_ci_server.engine.checks.registry import Found, Outcome, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction


@check(
    "auth-qop-mismatch",
    title="Credentials say qop={used} where the challenge offers {offered}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 7616 §3.4",
    absent="the trace holds no challenge that was answered",
)
def auth_qop_mismatch(model: Model, _: Model) -> Iterator[Outcome]:
    """The qop of credentials is none of those that the challenge with their nonce offers, or it offers none.

    The digest is made in another way with qop than without, so that the server cannot come to the same value. Low where
    the request was accepted.
    """
    offered: dict[str, tuple[SipMessage, frozenset[str]]] = {}
    told: set[tuple[str, str]] = set()
    for item in model.transactions:
        for entry in digests_of(item.request):
            known = offered.get(entry.get("nonce"))
            used = entry.get("qop").strip().lower()
            if known is None or not used or used in known[1] or (item.call_id, used) in told:
                continue
            if item.method in ("ACK", "CANCEL") or model.is_forwarded(item):
                continue
            told.add((item.call_id, used))
            yield _found(item, used, *known)
        if item.final is not None and is_challenge(item.final):
            for challenge in challenges_of(item.final):
                if challenge.scheme == "digest" and challenge.get("nonce"):
                    offered[challenge.get("nonce")] = (item.final, _options(challenge))


def _found(item: Transaction, used: str, challenge: SipMessage, options: frozenset[str]) -> Found:
    choice = " and ".join(sorted(options)) or "none"
    wrong = "the whole list of the challenge" if "," in used else f"`{used}`"
    return Found(
        (
            at_header(challenge, header_of(challenge), f"the challenge, which offers {choice}"),
            at_header(item.request, header_of(item.request), f"the credentials, with qop={used}"),
        ),
        f"The challenge offers {f'qop {choice}' if options else 'no qop'}, and the credentials of the {item.method}"
        f" have {wrong} as their qop: the server makes its digest in another way, so that the two never fit.",
        {"used": used, "offered": choice},
        key=("list" if "," in used else "unoffered" if not options else "other",),
        calls=(item.call_id,),
        severity=None if was_refused(item) else Severity.LOW,
    )


def _options(challenge: Challenge) -> frozenset[str]:
    return frozenset(one.strip().lower() for one in challenge.get("qop").split(",") if one.strip())
