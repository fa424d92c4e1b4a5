"""Hosts that look for accounts and passwords, and hosts that flood (policy F8: at most low inside a lab)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.wording import plural
from sip_ci_server.engine.attempts import Attempt, credentials_of
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, check
from sip_ci_server.engine.exposure import exposure_severity, is_from_test_tool, load_severity, lowest_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.suspects import (
    GUESSES,
    attempts_by_host,
    enumeration,
    guesses,
    is_guess,
    scanner_name,
    user_of,
)
from sip_ci_server.engine.transactions import Transaction

FLOOD, DELUGE = 50, 500
"""Requests of one host within one second."""
REFUSALS_BEFORE_BREACH = 5
A_DAY = 86_400.0
_ABSENT = "the trace holds no SIP request"


def _calls(items: list[Attempt]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.call_id for item in items))


@check(
    "sec-scanner",
    title="{tool} scans {target}",
    severity=Severity.HIGH,
    category=Category.SECURITY,
    rfc="RFC 3261 §26.1",
)
def sec_scanner(model: Model, _: Model) -> Iterator[Outcome]:
    """Requests name an attack tool in User-Agent or From: friendly-scanner, sipvicious and so on.

    Low where nothing answered: every public address is scanned all day.
    """
    if not len(model.transactions):
        yield NotCheckable(_ABSENT)
    found: dict[str, list[Transaction]] = {}
    for transaction in model.transactions:
        if transaction.is_initial and (name := scanner_name(transaction)):
            found.setdefault(name, []).append(transaction)
    for name, items in found.items():
        answered = [item for item in items if item.responses]
        first = (answered or items)[0]
        yield Found(
            (
                at(first.request, f"names {name}"),
                *([at(first.responses[0], "and is answered")] if first.responses else []),
            ),
            f"{plural(len(items), 'request')} from {first.source or 'outside'} named {name} as the tool,"
            f" {len(answered) or 'none'} of which {'were' if len(answered) > 1 else 'was'} answered.",
            {"tool": name, "target": str(first.destination or first.request.request_uri.host)},
            key=(name,),
            calls=tuple(dict.fromkeys(item.call_id for item in items)),
            severity=lowest_of(exposure_severity(first.request), None if answered else Severity.LOW),
        )


@check(
    "sec-enumeration",
    title="One host was refused for {count} users in a short time",
    severity=Severity.HIGH,
    category=Category.SECURITY,
    rfc="RFC 3261 §26.1",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.ADDRESSES,
)
def sec_enumeration(model: Model, _: Model) -> Iterator[Outcome]:
    """A host got 401, 403, 404 or 407 for ten different users within a minute, or for five within five seconds.

    Tries that succeed do not count, nor does a host of which at least half the requests succeed.
    """
    if not model.attempts:
        yield NotCheckable(_ABSENT)
    for host, attempts in attempts_by_host(model).items():
        tried = enumeration(attempts)
        if not tried:
            continue
        users = {user_of(item) for item in tried}
        request = tried[0].first.request
        yield Found(
            tuple(at(item.first.request, f"tries {user_of(item)!r}") for item in tried[:3]),
            f"{host} asked for {len(users)} different users, among them {', '.join(sorted(users)[:3])}, and was"
            f" refused each"
            " time.",
            {"count": str(len(users))},
            calls=_calls(tried),
            severity=lowest_of(exposure_severity(request), Severity.INFO if is_from_test_tool(request) else None),
        )


@check(
    "sec-bruteforce",
    title="One host sent {count} wrong passwords",
    severity=Severity.HIGH,
    category=Category.SECURITY,
    rfc="RFC 7616 §5.7",
    confidence=Confidence.LIKELY,
    needs=Needs.ADDRESSES,
)
def sec_bruteforce(model: Model, _: Model) -> Iterator[Outcome]:
    """At least ten requests of one host carried credentials that were refused for good (RFC 7616 §5.7).

    Stale nonces and attempts that succeed in the end do not count.
    """
    if not model.attempts:
        yield NotCheckable(_ABSENT)
    for host, attempts in attempts_by_host(model).items():
        wrong = guesses(attempts)
        if len(wrong) < GUESSES:
            continue
        users = {entry.get("username") for item in wrong for entry in credentials_of(item.request)}
        yield Found(
            (at(wrong[0].request, "the first of them"), at(wrong[-1].request, "the last")),
            f"{host} sent {len(wrong)} requests with credentials of {len(users)} users, and each was refused.",
            {"count": str(GUESSES) + " or more"},
            calls=tuple(dict.fromkeys(item.call_id for item in wrong)),
            severity=exposure_severity(wrong[0].request),
        )


@check(
    "sec-compromised",
    title="After many wrong passwords, {user} was let in",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 7616 §5.7",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.ADDRESSES,
)
def sec_compromised(model: Model, _: Model) -> Iterator[Outcome]:
    """A host got in as a user after five or more refusals of that user's credentials to it within a day.

    Refusals in an attempt that succeeds are for the nonce, not for the password, and do not count.
    """
    if not model.attempts:
        yield NotCheckable(_ABSENT)
    for host, attempts in attempts_by_host(model).items():
        wrong: dict[str, list[Transaction]] = {}
        for attempt in attempts:
            last = attempt.last
            if last.success is None:
                for item in attempt.transactions:
                    if is_guess(item):
                        wrong.setdefault(_account(item), []).append(item)
                continue
            user = _account(last)
            earlier = [item for item in wrong.pop(user, ()) if (last.time or 0.0) - (item.time or 0.0) < A_DAY]
            if not user or len(earlier) < REFUSALS_BEFORE_BREACH:
                continue
            yield Found(
                (at(earlier[0].request, "the first refused try"), at(last.success, "lets it in")),
                f"{host} sent {len(earlier)} wrong passwords for {user!r}, and then one that was right.",
                {"user": repr(user)},
                calls=(earlier[0].call_id, last.call_id),
                severity=exposure_severity(last.request),
            )


def _account(transaction: Transaction) -> str:
    return next((entry.get("username") for entry in credentials_of(transaction.request)), "")


@check(
    "sec-flood",
    title="{count} requests a second from one host",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 3261 §26.1.5",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.ADDRESSES,
)
def sec_flood(model: Model, _: Model) -> Iterator[Outcome]:
    """Fifty requests a second from one host, of which hardly any succeeds (high), or five hundred (critical).

    Only noted inside a lab and from test tools. A busy trunk, whose calls ring and are answered, is no flood.
    """
    if not len(model.transactions):
        yield NotCheckable(_ABSENT)
    windows: dict[str, deque[Transaction]] = {}
    worst: dict[str, list[Transaction]] = {}
    for item in model.transactions:
        if item.source is None or item.time is None or not item.is_initial or item.method in ("ACK", "CANCEL"):
            continue
        window = windows.setdefault(item.source.host, deque())
        window.append(item)
        while (window[0].time or 0.0) < item.time - 1.0:
            window.popleft()
        if len(window) >= FLOOD and len(window) >= 1.2 * len(worst.get(item.source.host, ())):
            worst[item.source.host] = list(window)
    for host, items in worst.items():
        if 5 * sum(1 for item in items if _got_through(item)) > len(items):
            continue
        yield Found(
            (at(items[0].request, "the first of that second"), at(items[-1].request, "the last")),
            f"{host} sent {len(items)} requests within one second, and hardly any of them succeeded.",
            {"count": f"{DELUGE} or more" if len(items) >= DELUGE else f"{FLOOD} or more"},
            calls=tuple(dict.fromkeys(item.call_id for item in items)),
            severity=lowest_of(load_severity(items[0].request), None if len(items) >= DELUGE else Severity.HIGH),
        )


def _got_through(transaction: Transaction) -> bool:
    return transaction.success is not None or any((response.status or 0) > 100 for response in transaction.provisionals)
