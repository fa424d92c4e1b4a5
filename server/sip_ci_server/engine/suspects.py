"""Requests by the host that sent them, and the hosts that behave like an attacker."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from sip_ci_server.engine.attempts import Attempt, challenges_of, credentials_of, is_challenge
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.once import once_for_each_model
from sip_ci_server.engine.transactions import Transaction

MANY_USERS, MANY_USERS_SECONDS = 10, 60.0
FEW_USERS, FEW_USERS_SECONDS = 5, 5.0
"""Different users that one host was refused for, within so many seconds: somebody looks for accounts."""
GUESSES = 10
"""Credentials refused to one host: somebody tries passwords."""
SCANNERS = (
    "friendly-scanner", "sipvicious", "sundayddr", "svwar", "svmap", "svcrack", "sip-scan", "sipscan", "pplsip",
)  # fmt: skip
"""What attack tools call themselves in User-Agent."""


_SUSPECTS: WeakKeyDictionary[Model, dict[str, str]] = WeakKeyDictionary()


@once_for_each_model
def attempts_by_host(model: Model) -> dict[str, list[Attempt]]:
    """The attempts outside dialogs by the host that sent them; those that a proxy of the trace passed on are left
    out."""
    found: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in model.attempts:
        first = attempt.first
        if first.source is not None and first.is_initial and not model.is_forwarded(first):
            found[first.source.host].append(attempt)
    return found


def is_refused(attempt: Attempt) -> bool:
    """Whether an attempt ended in 401, 403, 404 or 407."""
    return attempt.last.final is not None and attempt.last.final.status in (401, 403, 404, 407)


def is_guess(transaction: Transaction) -> bool:
    """Whether credentials were refused, and not for a stale nonce."""
    final = transaction.final
    if final is None or not credentials_of(transaction.request):
        return False
    if is_challenge(final):
        return not any(entry.get("stale").lower() == "true" for entry in challenges_of(final))
    return final.status == 403


def crowded(items: Iterable[Attempt], seconds: float, count: int, what: Callable[[Attempt], str]) -> list[Attempt]:
    """The attempts of the first window of so many seconds that holds `count` different values; empty where none
    does."""
    window: deque[Attempt] = deque()
    values: dict[str, int] = {}
    for item in items:
        time = item.first.time
        if time is None:
            continue
        window.append(item)
        values[what(item)] = values.get(what(item), 0) + 1
        while window and (window[0].first.time or 0.0) < time - seconds:
            gone = what(window.popleft())
            values[gone] -= 1
            if not values[gone]:
                del values[gone]
        if len(values) >= count:
            return list(window)
    return []


def user_of(attempt: Attempt) -> str:
    """The user that a request is for: the user part of To."""
    return attempt.first.request.to.uri.user


def enumeration(attempts: list[Attempt]) -> list[Attempt]:
    """The refused attempts that show a search for accounts: for many users in a short time, and hardly any success."""
    refused = [item for item in attempts if is_refused(item) and user_of(item)]
    if 2 * len(refused) < len(attempts):
        return []
    return crowded(refused, MANY_USERS_SECONDS, MANY_USERS, user_of) or crowded(
        refused, FEW_USERS_SECONDS, FEW_USERS, user_of
    )


def guesses(attempts: list[Attempt]) -> list[Transaction]:
    """The requests whose credentials were refused, in attempts that never succeeded."""
    return [
        item for attempt in attempts if attempt.last.success is None for item in attempt.transactions if is_guess(item)
    ]


def scanner_name(transaction: Transaction) -> str:
    """The attack tool that a request names in User-Agent or From; empty where it names none."""
    request = transaction.request
    text = f"{request.header('user-agent') or ''} {request.from_.display_name} {request.from_.uri.user}".lower()
    return next((name for name in SCANNERS if name in text), "")


def suspects(model: Model) -> dict[str, str]:
    """The hosts that scan, search for accounts or try passwords, with what they were seen to do."""
    known = _SUSPECTS.get(model)
    if known is None:
        known = _SUSPECTS[model] = _suspects(model)
    return known


def _suspects(model: Model) -> dict[str, str]:
    found: dict[str, str] = {}
    for host, attempts in attempts_by_host(model).items():
        if any(scanner_name(attempt.first) for attempt in attempts):
            found[host] = "names itself a scanner"
        elif enumeration(attempts):
            found[host] = "was refused for one user after the other"
        elif len(guesses(attempts)) >= GUESSES:
            found[host] = "tried one password after the other"
    return found
