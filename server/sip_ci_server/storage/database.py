"""Opens the database and sees to it that it has the tables of this version."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from sip_ci.errors import ConfigError, ServiceError
from sip_ci_server.storage.models import SCHEMA_VERSION, Base, SchemaRow

BUSY_TIMEOUT_MS = 15_000
"""How long a writer waits for another one on SQLite, in milliseconds."""

_ATTEMPTS = 5


def open_database(url: str) -> Engine:
    """Connect, create the tables where they are missing, and return the engine.

    Raises:
        ConfigError: if the URL is not one of a supported database.
        ServiceError: if the database cannot be reached, or was made by a newer version.
    """
    engine = _engine(url)
    for attempt in range(_ATTEMPTS):
        try:
            _prepare(engine)
            break
        except (OperationalError, IntegrityError) as error:
            # Two servers that start on one new database race for the tables; the loser finds them made next time.
            if attempt == _ATTEMPTS - 1 or not _lost_a_race(error):
                raise ServiceError(
                    f"cannot use the database {engine.url.render_as_string()}: {_reason(error)}"
                ) from None
            time.sleep(0.05 * 2**attempt)
        except SQLAlchemyError as error:
            raise ServiceError(f"cannot use the database {engine.url.render_as_string()}: {_reason(error)}") from None
    return engine


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
        if name not in ("sqlite", "postgresql"):
            raise ConfigError(f"the database {name!r} is not supported; use sqlite or postgresql")
        if name == "postgresql":
            return create_engine(parsed, pool_pre_ping=True, pool_timeout=10)
        if parsed.database in (None, "", ":memory:"):
            # One connection for all threads: another one would be another, empty database.
            return create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, pool_timeout=30)
    except ConfigError:
        raise
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise ConfigError(f"the database URL cannot be used: {_reason(error)}") from None
    event.listen(engine, "connect", _configure_sqlite)
    return engine


def _configure_sqlite(connection: Any, record: object) -> None:  # noqa: ARG001 - SQLAlchemy passes both
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    # Readers do not wait for the writer; a power cut may lose the last commits, never the database.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _prepare(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        version = session.scalar(select(SchemaRow.version).where(SchemaRow.id == 1))
        if version is None:
            session.add(SchemaRow(id=1, version=SCHEMA_VERSION))
        elif version > SCHEMA_VERSION:
            raise ServiceError(
                f"the database {engine.url.render_as_string()} has schema version {version}, "
                f"made by a newer sip-ci-server; this one knows {SCHEMA_VERSION}: upgrade it"
            )


def _lost_a_race(error: OperationalError | IntegrityError) -> bool:
    text = str(error.orig).lower()
    return isinstance(error, IntegrityError) or "already exists" in text or "locked" in text


def _reason(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split())[:300]
