"""Accounts in a database: identification and quota."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, case, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sip_ci.service.wire import KeyEntry
from sip_ci_server.accounts.interface import AccountsUnavailableError, Identity, Principal, Reservation, Usage
from sip_ci_server.accounts.moments import day_of, next_midnight, now_utc, timestamp
from sip_ci_server.accounts.plans import Plan, Quotas
from sip_ci_server.accounts.secrets import digest
from sip_ci_server.storage.models import KeyRow, UsageRow, UserRow


class StoredAccounts:
    """Accounts that several servers share through one database."""

    def __init__(self, engine: Engine, quotas: Quotas, clock: Callable[[], datetime] = now_utc) -> None:
        self._engine = engine
        self._quotas = quotas
        self._clock = clock

    def identify(self, key: str) -> Identity | None:
        """Return whose key this is, or None.

        The lookup is by the hash of the key: its time tells nothing of how much of a guess was right.
        """
        presented = digest(key)
        with self._transaction() as session:
            found = session.execute(
                select(KeyRow, UserRow).join(UserRow, KeyRow.user_id == UserRow.id).where(KeyRow.digest == presented)
            ).first()
            if found is None or found.KeyRow.revoked_at is not None:
                return None
            if not hmac.compare_digest(found.KeyRow.digest, presented):
                return None
            user: UserRow = found.UserRow
            principal = Principal(user.id, found.KeyRow.id, Plan(user.plan), user.team_id)
            return Identity(principal, self._usage(session, principal, self._clock()))

    def reserve(self, principal: Principal) -> Reservation:
        """Count one analysis for the user and, where there is one, for the team: both or neither."""
        now = self._clock()
        day = day_of(now)
        with self._transaction() as session:
            granted = all(self._count(session, subject, day, limit) for subject, limit in self._subjects(principal))
            if granted:
                session.execute(
                    update(KeyRow)
                    .where(KeyRow.id == principal.key_id)
                    .values(
                        calls_total=KeyRow.calls_total + 1,
                        calls_today=case((KeyRow.usage_day == day, KeyRow.calls_today + 1), else_=1),
                        usage_day=day,
                        last_used_at=now,
                    )
                )
            else:
                session.rollback()
            return Reservation(granted, day, self._usage(session, principal, now))

    def release(self, principal: Principal, reservation: Reservation) -> Usage:
        """Give one analysis back to the day on which it was counted."""
        day = reservation.day
        with self._transaction() as session:
            for subject, _ in self._subjects(principal):
                session.execute(
                    update(UsageRow)
                    .where(UsageRow.subject == subject, UsageRow.day == day, UsageRow.calls > 0)
                    .values(calls=UsageRow.calls - 1)
                )
            session.execute(
                update(KeyRow)
                .where(KeyRow.id == principal.key_id)
                .values(
                    calls_total=KeyRow.calls_total - 1,
                    calls_today=case((KeyRow.usage_day == day, KeyRow.calls_today - 1), else_=KeyRow.calls_today),
                )
            )
            return self._usage(session, principal, self._clock())

    def keys(self, principal: Principal) -> tuple[KeyEntry, ...]:
        """Return all keys of the user, newest first."""
        today = day_of(self._clock())
        with self._transaction() as session:
            rows = session.scalars(
                select(KeyRow).where(KeyRow.user_id == principal.user_id).order_by(KeyRow.created_at.desc(), KeyRow.id)
            )
            return tuple(key_entry(row, today) for row in rows)

    def ping(self) -> None:
        """Ask the database for nothing."""
        with self._transaction() as session:
            session.execute(text("SELECT 1"))

    def _subjects(self, principal: Principal) -> tuple[tuple[str, int], ...]:
        user = (f"user:{principal.user_id}", self._quotas.for_user(principal.plan))
        if principal.plan is Plan.TEAMS and principal.team_id is not None:
            # Always in this order, so that two transactions never wait for each other.
            return (user, (f"team:{principal.team_id}", self._quotas.team))
        return (user,)

    def _count(self, session: Session, subject: str, day: str, limit: int) -> bool:
        """Add one where the limit allows it, in one statement, so that no two requests can take the last one."""
        if limit <= 0:
            return False
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement = (
            insert(UsageRow)
            .values(subject=subject, day=day, calls=1)
            .on_conflict_do_update(
                index_elements=["subject", "day"], set_={"calls": UsageRow.calls + 1}, where=UsageRow.calls < limit
            )
            .returning(UsageRow.calls)
        )
        return session.execute(statement).first() is not None

    def _usage(self, session: Session, principal: Principal, now: datetime) -> Usage:
        subjects = self._subjects(principal)
        rows = session.execute(
            select(UsageRow.subject, UsageRow.calls).where(
                UsageRow.day == day_of(now), UsageRow.subject.in_([subject for subject, _ in subjects])
            )
        )
        calls = {row.subject: row.calls for row in rows}
        remaining = min(limit - calls.get(subject, 0) for subject, limit in subjects)
        user, limit = subjects[0]
        return Usage(limit=limit, used=calls.get(user, 0), remaining=max(0, remaining), reset=next_midnight(now))

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session:
                yield session
                session.commit()
        except SQLAlchemyError as error:
            raise AccountsUnavailableError("the database does not answer") from error


def key_entry(row: KeyRow, today: str) -> KeyEntry:
    """Return a key as the API shows it."""
    return KeyEntry(
        id=row.id,
        prefix=row.prefix,
        name=row.name,
        created_at=timestamp(row.created_at),
        last_used_at=timestamp(row.last_used_at) if row.last_used_at else None,
        calls_today=row.calls_today if row.usage_day == today else 0,
        calls_total=row.calls_total,
        revoked_at=timestamp(row.revoked_at) if row.revoked_at else None,
    )
