"""A transaction's statements: compiled once, given to the driver as they are, sent in few round trips.

SQLAlchemy writes the SQL. Executing it there again and again would cost more than the database does, so a statement is
compiled once for its dialect and goes to the driver itself, in SQLAlchemy's transaction and with its exceptions.

What is written waits for the next question or the end. PostgreSQL gets all that waits in one packet (`wire.py`), the
transaction's beginning and end included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

from counterpoint.serving.store.queries import Question
from counterpoint.serving.store.wire import Row, Statement, Wire

_HURRY = Statement("SET LOCAL lock_timeout = '200ms'", ())
Said = tuple[Statement, Sequence[Mapping[str, Any]]]


class Statements:
    """What one transaction says to the database, over an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        driver: Any = connection.connection.driver_connection
        self._driver = driver
        self._errors: Any = connection.dialect.dbapi
        self._dialect = connection.dialect.name
        self._unsent: list[Said] = []
        self._mark, self._told = 0, False
        prepared = connection.connection.info.setdefault("prepared", {})
        self._wire = None if self._dialect == "sqlite" else Wire(driver, prepared)

    def write(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Do this for every row, before the next question or at the end. Rows have the same columns."""
        if rows:
            compiled, _ = _compiled(statement, self._dialect, tuple(rows[0]))
            self._unsent.append((compiled, rows))

    def read(self, statement: Any, values: Mapping[str, Any]) -> list[Row]:
        """The rows that answer a question, which sees what was written before it."""
        compiled, constants = _compiled(statement, self._dialect, None)
        return self._say([(compiled, [{**constants, **values}])])[0]

    def read_each(self, questions: Sequence[Question]) -> list[list[Row]]:
        """Answers to questions in one trip, each asked when the one before it was answered."""
        asked = [(*_compiled(one.statement, self._dialect, None), dict(one.values)) for one in questions]
        return self._say([(compiled, [constants | values]) for compiled, constants, values in asked])

    def execute(self, statement: Any, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Any statement, SQLAlchemy's way: for those that differ from time to time."""
        if self._unsent:
            self._say([])
        told, self._told = self._told, True
        found = self._connection.execute(statement, values)
        self._told = told or not statement.is_select
        return found

    def hurry(self) -> None:
        """Fail rather than wait for another's transaction for long. SQLite's others are met at its beginning."""
        if self._wire is not None:
            self._unsent.append((_HURRY, [{}]))

    def mark(self) -> None:
        """What is written from here on can be taken back as long as it waits."""
        self._mark, self._told = len(self._unsent), False

    def take_back(self) -> bool:
        """Forget what was written since the mark. False if some of it was sent, or the database refused something."""
        del self._unsent[self._mark :]
        return not self._told

    def commit(self) -> None:
        """Send what waits, and end the transaction."""
        self._say([], end=True)
        self._connection.commit()  # it is over already: this tells SQLAlchemy

    def _say(self, questions: Sequence[Said], *, end: bool = False) -> list[list[Row]]:
        """Send what waits and these questions. Returns the questions' answers."""
        unsent, self._unsent = self._unsent, []
        told, self._told = self._told or len(unsent) > self._mark, True
        self._mark = 0
        said = [*unsent, *questions]
        try:
            answers = self._one_by_one(said, end) if self._wire is None else self._wire.say(said, end=end)
        except self._errors.Error as error:
            dialect, kind = self._connection.dialect, self._errors.Error
            raise DBAPIError.instance(None, None, error, kind, hide_parameters=True, dialect=dialect) from error
        self._told = told
        return answers[len(unsent) :]

    def _one_by_one(self, said: Sequence[Said], end: bool) -> list[list[Row]]:
        """SQLite is no trip away."""
        answers = []
        for statement, rows in said:
            if len(rows) == 1:
                answers.append(self._driver.execute(statement.text, rows[0]).fetchall())
            else:
                self._driver.executemany(statement.text, rows)
                answers.append([])
        if end:
            self._driver.execute("COMMIT")
        return answers


@cache
def _compiled(statement: Any, dialect: str, columns: tuple[str, ...] | None) -> tuple[Statement, dict[str, Any]]:
    """SQL as the driver takes it, and the parameters that are always the same."""
    made: Any = sqlite.dialect(paramstyle="named") if dialect == "sqlite" else _POSTGRESQL
    compiled = statement.compile(dialect=made, column_keys=columns)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    return Statement(str(compiled), tuple(compiled.positiontup or ())), constants


_POSTGRESQL = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
