"""A transaction's statements: compiled once, given to the driver as they are, sent in few round trips.

SQLAlchemy writes the SQL. Executing it there again and again would cost more than the database does, so a statement is
compiled once for its dialect and goes to the driver itself, in SQLAlchemy's transaction and with its exceptions.

What is written waits for the next question or the end. PostgreSQL gets all that waits in one round trip (libpq's
pipeline mode), the transaction's beginning and end included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]


class Statements:
    """What one transaction says to the database, over an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver: Any = connection.connection.driver_connection
        self._errors: Any = connection.dialect.dbapi
        self._dialect = connection.dialect.name
        self._unsent: list[tuple[str, Sequence[Mapping[str, Any]]]] = []

    def write(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Do this for every row, before the next question or at the end. Rows have the same columns."""
        if rows:
            self._unsent.append((_compiled(statement, self._dialect, tuple(rows[0])).text, rows))

    def read(self, statement: Any, values: Mapping[str, Any]) -> list[Row]:
        """The rows that answer a question, which sees what was written before it."""
        return self.read_each([statement], values)[0]

    def read_each(self, statements: Sequence[Any], values: Mapping[str, Any]) -> list[list[Row]]:
        """Questions about the same values in one trip, each asked when the one before it was answered."""
        asked = [_compiled(statement, self._dialect, None) for statement in statements]
        with self._one_trip():
            cursors = [self._driver.execute(one.text, {**one.constants, **values}) for one in asked]
        return [cursor.fetchall() for cursor in cursors]

    def execute(self, statement: Any, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Any statement, SQLAlchemy's way: for those that differ from time to time."""
        if self._unsent:
            with self._one_trip():
                pass
        return self._connection.execute(statement, values)

    def commit(self) -> None:
        """Send what waits, and end the transaction."""
        with self._one_trip():
            self._driver.execute("COMMIT")
        self._connection.commit()  # it is over already: this tells SQLAlchemy

    @contextmanager
    def _one_trip(self) -> Iterator[None]:
        """What waits, and what is said inside; PostgreSQL's answers are there afterwards."""
        pipeline = nullcontext() if self._dialect == "sqlite" else self._driver.pipeline()
        try:
            with pipeline:
                self._send()
                yield
        except self._errors.Error as error:
            dialect, kind = self._connection.dialect, self._errors.Error
            raise DBAPIError.instance(None, None, error, kind, hide_parameters=True, dialect=dialect) from error

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        for text, rows in unsent:
            if len(rows) == 1:
                self._driver.execute(text, rows[0])
            else:
                self._driver.cursor().executemany(text, rows)


class _Compiled(NamedTuple):
    """SQL with named parameters, as the driver takes them, and those that are always the same."""

    text: str
    constants: dict[str, Any]


@cache
def _compiled(statement: Any, dialect: str, columns: tuple[str, ...] | None) -> _Compiled:
    made = sqlite.dialect(paramstyle="named") if dialect == "sqlite" else PGDialect_psycopg()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=made, column_keys=columns)
    return _Compiled(str(compiled), {name: value for name, value in compiled.params.items() if value is not None})
