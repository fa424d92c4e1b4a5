"""Accounts of an embedded server: one key, given by environment, kept in memory.

This is an implementation of its own, and not the database in memory, because an embedded server is started for
every CI job: importing SQLAlchemy and creating tables costs more than everything else such a server does before
its first analysis. It leaves no file behind.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from datetime import datetime

from sip_ci.service.wire import KeyEntry
from sip_ci_server.accounts.interface import Identity, Principal, Reservation, Usage
from sip_ci_server.accounts.moments import day_of, next_midnight, now_utc, timestamp
from sip_ci_server.accounts.plans import UNLIMITED, Plan
from sip_ci_server.accounts.secrets import digest, visible_prefix


class LocalAccounts:
    """The accounts of a server with one key and the plan `local`."""

    def __init__(self, key: str, limit: int = UNLIMITED, clock: Callable[[], datetime] = now_utc) -> None:
        self._digest = digest(key)
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._day = day_of(clock())
        self._today = 0
        self._total = 0
        self._last_used: datetime | None = None
        self._prefix = visible_prefix(key)
        self._created = clock()
        self._principal = Principal(user_id="local", key_id="local", plan=Plan.LOCAL)

    def identify(self, key: str) -> Identity | None:
        """Return the one identity if `key` is the one key."""
        if not hmac.compare_digest(digest(key), self._digest):
            return None
        with self._lock:
            return Identity(self._principal, self._usage())

    def reserve(self, principal: Principal) -> Reservation:  # noqa: ARG002 - there is one
        """Count one analysis."""
        with self._lock:
            usage = self._usage()
            if usage.remaining <= 0:
                return Reservation(granted=False, day=self._day, usage=usage)
            self._today += 1
            self._total += 1
            self._last_used = self._clock()
            return Reservation(granted=True, day=self._day, usage=self._usage())

    def release(self, principal: Principal, reservation: Reservation) -> Usage:  # noqa: ARG002 - there is one
        """Give one analysis back."""
        with self._lock:
            usage = self._usage()
            self._total -= 1
            if reservation.day == self._day:
                self._today -= 1
                usage = self._usage()
            return usage

    def keys(self, principal: Principal) -> tuple[KeyEntry, ...]:  # noqa: ARG002 - there is one
        """Return the one key."""
        with self._lock:
            self._usage()
            return (
                KeyEntry(
                    id=self._principal.key_id,
                    prefix=self._prefix,
                    name="embedded",
                    created_at=timestamp(self._created),
                    last_used_at=timestamp(self._last_used) if self._last_used else None,
                    calls_today=self._today,
                    calls_total=self._total,
                ),
            )

    def ping(self) -> None:
        """Return: memory always answers."""

    def _usage(self) -> Usage:
        now = self._clock()
        if day_of(now) != self._day:
            self._day, self._today = day_of(now), 0
        remaining = max(0, self._limit - self._today)
        return Usage(limit=self._limit, used=self._today, remaining=remaining, reset=next_midnight(now))
