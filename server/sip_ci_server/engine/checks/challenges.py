"""Several challenges in one response: each realm and algorithm once (RFC 8760 §2.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.attempts import challenges_of, is_challenge
from sip_ci_server.engine.checks.registry import Found, Outcome, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction


@check(
    "auth-challenge-repeated",
    title="{status} challenges twice for the realm {realm} with {algorithm}",
    severity=Severity.LOW,
    category=Category.AUTHENTICATION,
    rfc="RFC 8760 §2.3",
    absent="no request was challenged",
    only=lambda item: item.final is not None and is_challenge(item.final),
)
def auth_challenge_repeated(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A response has two digest challenges with one realm and one algorithm (RFC 8760 §2.3); none names MD5.

    Silent where a proxy passed it on: one that forks joins the challenges of its branches (RFC 8760 §2.5).
    """
    final = transaction.final
    if final is None or model.relayed_from_further_on(transaction) or len(transaction.request.via) > 1:
        return
    counted = Counter(
        (entry.get("realm"), (entry.get("algorithm") or "MD5").upper())
        for entry in challenges_of(final)
        if entry.scheme == "digest"
    )
    repeated = next((pair for pair, count in counted.items() if count > 1), None)
    names = [name for name in ("www-authenticate", "proxy-authenticate") if final.lines_of(name)]
    if repeated is None or len(names) != 1:
        return
    realm, algorithm = repeated
    yield Found(
        (at_header(final, names[0], f"{counted[repeated]} challenges with {algorithm} for one realm"),),
        f"{name_of(final)} answered {transaction.method} {phrase_of(final)} with {counted[repeated]} challenges for the"
        f" realm `{realm.replace('`', chr(39))[:60]}` and {algorithm}.",
        {"status": phrase_of(final), "realm": realm[:60], "algorithm": algorithm},
        key=(algorithm,),
        calls=(transaction.call_id,),
    )
