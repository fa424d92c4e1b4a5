"""What the operator does with accounts: make users and keys, list and revoke them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sip_ci.errors import UsageError
from sip_ci.service.wire import KeyEntry
from sip_ci_server.accounts.moments import day_of, now_utc, timestamp
from sip_ci_server.accounts.plans import Plan
from sip_ci_server.accounts.secrets import digest, new_key, visible_prefix
from sip_ci_server.accounts.stored import key_entry
from sip_ci_server.storage.models import KeyRow, TeamRow, UserRow

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class UserEntry:
    """One user, for the operator."""

    name: str
    plan: Plan
    team: str | None
    created_at: str


@dataclass(frozen=True, slots=True)
class OwnedKey:
    """One key with its owner, for the operator."""

    user: str
    key: KeyEntry


class Administration:
    """The operator's view of the database."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = now_utc) -> None:
        self._engine = engine
        self._clock = clock

    def add_user(self, name: str, plan: Plan, team: str | None = None) -> None:
        """Make a user, and the team if it is new.

        Raises:
            UsageError: if the name is taken or unusable, or a team is named for another plan than `teams`.
        """
        _check_name("user", name)
        if team is not None:
            _check_name("team", team)
            if plan is not Plan.TEAMS:
                raise UsageError(f"a user of the plan {plan.value!r} has no team; use --plan teams")
        try:
            with Session(self._engine) as session, session.begin():
                team_id = None
                if team is not None:
                    team_id = session.scalar(select(TeamRow.id).where(TeamRow.name == team))
                    if team_id is None:
                        team_id = uuid.uuid4().hex
                        session.add(TeamRow(id=team_id, name=team, created_at=self._clock()))
                        session.flush()
                session.add(
                    UserRow(id=uuid.uuid4().hex, name=name, plan=plan.value, team_id=team_id, created_at=self._clock())
                )
        except IntegrityError:
            raise UsageError(f"there is already a user {name!r}") from None

    def users(self) -> tuple[UserEntry, ...]:
        """Return all users, by name."""
        with Session(self._engine) as session:
            rows = session.execute(
                select(UserRow, TeamRow.name.label("team"))
                .outerjoin(TeamRow, UserRow.team_id == TeamRow.id)
                .order_by(UserRow.name)
            )
            return tuple(
                UserEntry(row.UserRow.name, Plan(row.UserRow.plan), row.team, timestamp(row.UserRow.created_at))
                for row in rows
            )

    def create_key(self, user: str, name: str) -> str:
        """Make a key for a user and return it; it cannot be had again.

        Raises:
            UsageError: if there is no such user, or the name is unusable.
        """
        _check_name("key", name)
        key = new_key()
        with Session(self._engine) as session, session.begin():
            user_id = self._user_id(session, user)
            session.add(
                KeyRow(
                    id=uuid.uuid4().hex,
                    user_id=user_id,
                    name=name,
                    prefix=visible_prefix(key),
                    digest=digest(key),
                    created_at=self._clock(),
                )
            )
        return key

    def keys(self, user: str | None = None) -> tuple[OwnedKey, ...]:
        """Return the keys of all users or of one, newest first.

        Raises:
            UsageError: if there is no such user.
        """
        today = day_of(self._clock())
        with Session(self._engine) as session:
            query = select(KeyRow, UserRow.name).join(UserRow, KeyRow.user_id == UserRow.id)
            if user is not None:
                query = query.where(UserRow.id == self._user_id(session, user))
            rows = session.execute(query.order_by(KeyRow.created_at.desc(), KeyRow.id))
            return tuple(OwnedKey(row.name, key_entry(row.KeyRow, today)) for row in rows)

    def revoke_key(self, reference: str) -> KeyEntry:
        """Revoke the key with this id or visible prefix, at once and for good.

        Raises:
            UsageError: if there is no such key, or several have this prefix.
        """
        with Session(self._engine) as session, session.begin():
            rows = session.scalars(select(KeyRow).where(or_(KeyRow.id == reference, KeyRow.prefix == reference))).all()
            if not rows:
                raise UsageError(f"there is no key {reference!r}; `keys list` shows ids and prefixes")
            if len(rows) > 1:
                raise UsageError(f"{len(rows)} keys begin with {reference!r}; name one by its id")
            row = rows[0]
            if row.revoked_at is None:
                row.revoked_at = self._clock()
            return key_entry(row, day_of(self._clock()))

    @staticmethod
    def _user_id(session: Session, name: str) -> str:
        user_id = session.scalar(select(UserRow.id).where(UserRow.name == name))
        if user_id is None:
            raise UsageError(f"there is no user {name!r}; `users list` shows them, `users add` makes one")
        return user_id


def _check_name(what: str, name: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"a {what}'s name has 1 to {_LONGEST_NAME} printable characters")
