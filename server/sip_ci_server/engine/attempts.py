"""Authentication: the requests that one client sent to get one thing done, challenges and retries included (RFC 3261
§22).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.transactions import Transaction, Transactions

_PARAMETER = re.compile(r'([A-Za-z][\w-]{0,40})\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')


@dataclass(frozen=True, slots=True)
class Challenge:
    """The parameters of a WWW-Authenticate, Proxy-Authenticate, Authorization or Proxy-Authorization header."""

    scheme: str
    """Lower case: `digest`, `basic` …"""
    parameters: dict[str, str]
    """Names in lower case, quotes removed."""

    def get(self, name: str) -> str:
        """A parameter, or the empty string."""
        return self.parameters.get(name, "")


def parse_credentials(value: str) -> Challenge:
    """Parse a challenge or credentials (RFC 7616 §3.3, §3.4)."""
    scheme, _, rest = value.strip().partition(" ")
    parameters = {name.lower(): text.strip('"') for name, text in _PARAMETER.findall(rest[:8192])}
    return Challenge(scheme.lower(), parameters)


def credentials_of(request: SipMessage) -> list[Challenge]:
    """The credentials that a request carries.

    An empty response is none: IMS clients name their user in such a header before the first challenge.
    """
    lines = [*request.lines_of("authorization"), *request.lines_of("proxy-authorization")]
    credentials = [parse_credentials(request.value_of(line)) for line in lines]
    return [entry for entry in credentials if entry.scheme != "digest" or _is_response(entry)]


def _is_response(entry: Challenge) -> bool:
    """Whether digest credentials answer a challenge: with a response, or with its nonce and the response forgotten."""
    return bool(entry.get("response") or (entry.get("nonce") and "response" not in entry.parameters))


def challenges_of(response: SipMessage) -> list[Challenge]:
    """The challenges that a response carries."""
    lines = [*response.lines_of("www-authenticate"), *response.lines_of("proxy-authenticate")]
    return [parse_credentials(response.value_of(line)) for line in lines]


def is_challenge(response: SipMessage | None) -> bool:
    """Whether a response asks for credentials: 401 or 407."""
    return response is not None and response.status in (401, 407)


@dataclass(slots=True, eq=False)
class Attempt:
    """The transactions of one method in one Call-ID on one hop, up to and with the first that is not challenged."""

    transactions: list[Transaction]

    @property
    def first(self) -> Transaction:
        """The first transaction."""
        return self.transactions[0]

    @property
    def last(self) -> Transaction:
        """The last transaction."""
        return self.transactions[-1]

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.first.call_id

    @property
    def challenged(self) -> list[Transaction]:
        """The transactions that ended in 401 or 407."""
        return [item for item in self.transactions if is_challenge(item.final)]


@dataclass(slots=True)
class _Sent:
    nonces: dict[str, Attempt | None]
    """The attempt that used each; None where several did."""
    times: list[float]
    """In ascending UNIX seconds."""


class SentCredentials:
    """When credentials were sent and for which nonces, by method, client and user; over all calls and paths."""

    def __init__(self, attempts: list[Attempt]) -> None:
        self._sent: dict[tuple[str, ...], _Sent] = {}
        for attempt in attempts:
            key = _client_of(attempt)
            if attempt.first.request.from_.uri.user != key[-1]:
                continue
            for item in attempt.transactions:
                credentials = credentials_of(item.request)
                if not credentials or item.time is None:
                    continue
                sent = self._sent.setdefault(key, _Sent({}, []))
                for nonce in {entry.get("nonce") for entry in credentials}:
                    sent.nonces[nonce] = attempt if sent.nonces.get(nonce, attempt) is attempt else None
                insort(sent.times, item.time)

    def answer(self, challenged: Attempt, patience: float) -> bool:
        """Whether another attempt answers the challenge in which one ended: by its nonce, or within so many seconds."""
        sent, time, final = self._sent.get(_client_of(challenged)), challenged.last.time, challenged.last.final
        if sent is None or time is None:
            return False
        given = challenges_of(final) if final is not None else []
        if any(sent.nonces.get(entry.get("nonce"), challenged) is not challenged for entry in given):
            return True
        soon = bisect_right(sent.times, time + patience) - bisect_left(sent.times, time)
        if not soon:
            return False
        own = [item.time for item in challenged.transactions if credentials_of(item.request)]
        return soon > sum(1 for sent_at in own if sent_at is not None and time <= sent_at <= time + patience)


def _client_of(attempt: Attempt) -> tuple[str, ...]:
    last = attempt.last
    return last.method, last.source_node, last.request.from_.uri.user


def build_attempts(transactions: Transactions) -> list[Attempt]:
    """Group transactions into attempts. ACK and CANCEL cannot be challenged (RFC 3261 §22.1, §9.1) and make none."""
    open_attempts: dict[tuple[str, ...], Attempt] = {}
    attempts: list[Attempt] = []
    for transaction in transactions:
        if transaction.method in ("ACK", "CANCEL"):
            continue
        request = transaction.request
        key = (
            transaction.call_id, transaction.method, transaction.source_node, transaction.destination_node,
            request.from_.tag, request.to.tag,
        )  # fmt: skip
        attempt = open_attempts.get(key)
        if attempt is None or not is_challenge(attempt.last.final):
            attempt = Attempt([])
            attempts.append(attempt)
            open_attempts[key] = attempt
        attempt.transactions.append(transaction)
    return attempts
