"""What the API asks of accounts, whichever way they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sip_ci.service.wire import KeyEntry
from sip_ci_server.accounts.plans import Plan


class AccountsUnavailableError(Exception):
    """Raised when the store of accounts does not answer; the API turns it into 503."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whose key a request carries."""

    user_id: str
    key_id: str
    plan: Plan
    team_id: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """A user's quota of the current UTC day."""

    limit: int
    used: int
    remaining: int
    """At most `limit - used`; less where the team's pool has less."""
    reset: int
    """When the day ends, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A recognised key and the state of its quota."""

    principal: Principal
    usage: Usage


@dataclass(frozen=True, slots=True)
class Reservation:
    """The answer to a request for one analysis: granted, or not because the quota is used."""

    granted: bool
    day: str
    usage: Usage


class Accounts(Protocol):
    """Users, keys and quota. Every method may block, and may be called from any thread.

    All raise AccountsUnavailableError when the store does not answer.
    """

    def identify(self, key: str) -> Identity | None:
        """Return whose key this is, or None for one that is malformed, unknown or revoked."""

    def reserve(self, principal: Principal) -> Reservation:
        """Count one analysis, unless the quota is used. Exact under any concurrency."""

    def release(self, principal: Principal, reservation: Reservation) -> Usage:
        """Give one analysis back, to the day on which it was counted, because the request was refused."""

    def keys(self, principal: Principal) -> tuple[KeyEntry, ...]:
        """Return all keys of the user, newest first."""

    def ping(self) -> None:
        """Return if the store answers."""
