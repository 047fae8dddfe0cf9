"""Engines: how we talk to SQLite and to PostgreSQL.

SQLite: write-ahead log, `synchronous=FULL` (a commit that returned is on the disk, also when the power fails; an open
store sees to that itself, `journal.py`),
`secure_delete` (what is deleted is overwritten with zeros), foreign keys on. Transactions begin as writers (`BEGIN
IMMEDIATE`): one that read first and writes later would fail where another wrote in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from counterpoint.errors import BadInputError
from counterpoint.serving.store.records import StoreError

PATIENCE = 60.0
"""Seconds to wait for another process's transaction, or for a free connection."""
CONNECTIONS = 41
"""At most so many connections a process: as many as a server has threads, and one for its desk."""


def connect(url: str) -> Engine:
    """An engine; nothing is opened yet.

    Raises:
        BadInputError: the URL is neither `sqlite:///path` nor `postgresql://...`.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _bad_url() from None
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise BadInputError("the store needs a SQLite file, sqlite:///path/to/file.db: memory forgets")
        settings: dict[str, Any] = {"timeout": PATIENCE, "check_same_thread": False}
        engine = create_engine(parsed, connect_args=settings, **_pool())
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        # prepared statements are ours (`wire.py`): the driver would throw them away with its own
        settings = {"prepare_threshold": None}
        return create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args=settings, **_pool())
    raise _bad_url()


@contextmanager
def store_errors() -> Iterator[None]:
    """What the database can't do now becomes `StoreError`, in one line and without the statement's parameters."""
    try:
        yield
    except (OperationalError, PoolTimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StoreError(f"the database does not answer as it should: {str(cause).strip()}") from error


def _bad_url() -> BadInputError:
    return BadInputError("the database's URL must be sqlite:///path/to/file.db or postgresql://user@host/name")


def _pool() -> dict[str, Any]:
    return {"pool_size": 8, "max_overflow": CONNECTIONS - 8, "pool_timeout": PATIENCE, "hide_parameters": True}


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "cache_size=-32000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    if begin := connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"):
        connection.exec_driver_sql(begin)
