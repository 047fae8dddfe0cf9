"""PostgreSQL's pipeline mode, spoken directly: what is said together leaves in one packet.

A driver's cursor sends each statement of a pipeline by itself, with three system calls: for the eight of an event more
than twenty. At each of them a thread gives Python's interpreter away and queues for it again, and the database wakes up
for a part of what it is asked. Here libpq (`psycopg.pq`) keeps all of it until it is complete. Statements are prepared
when a connection first says them, and outlive its transactions, whatever becomes of those.

Values: text and bytes go as they are, with their length (the database refuses what is no UTF-8, NUL included), numbers
in their shortest decimal form that reads back the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.generators import fetch_many, send
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

Row = tuple[Any, ...]
_numbers = count()


class Statement(NamedTuple):
    """SQL with its parameters numbered from `$1`, and their names in that order."""

    text: str
    names: Sequence[str]


class Wire:
    """An open connection, told many things at a time.

    Args:
        driver: psycopg's connection. It must not prepare statements itself (`prepare_threshold=None`): it would throw
            ours away with its own.
        prepared: server-side names of statements by their SQL, kept with the connection.
    """

    def __init__(self, driver: psycopg.Connection[Any], prepared: dict[str, bytes]) -> None:
        self._driver, self._pg, self._prepared = driver, driver.pgconn, prepared
        self._encoding = driver.info.encoding

    def say(
        self, said: Sequence[tuple[Statement, Sequence[Mapping[str, Any]]]], *, end: bool = False
    ) -> list[list[Row]]:
        """Execute statements for each of their rows in one round trip; a transaction begins if there is none.

        Args:
            said: statements, each with its rows of values.
            end: commit afterwards.

        Returns:
            What each statement gave for the last of its rows.

        Raises:
            psycopg.Error: of the first that failed; those after it were not executed.
        """
        with self._driver.lock, self._pipeline():
            sent = self._send(said, end)
            self._pg.pipeline_sync()
            results = self._driver.wait(self._receive(len(sent) + 1))
        for what, result in zip(sent, results, strict=False):
            if result.status == ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result, self._encoding)
            if isinstance(what, _Prepared):
                self._prepared[what.text] = what.name
        last = {what: result for what, result in zip(sent, results, strict=False) if isinstance(what, int)}
        return [self._rows(last[place]) if place in last else [] for place in range(len(said))]

    @contextlib.contextmanager
    def _pipeline(self) -> Iterator[None]:
        self._pg.enter_pipeline_mode()
        try:
            yield
        except BaseException:
            with contextlib.suppress(psycopg.Error):  # the first error says more
                self._pg.exit_pipeline_mode()
            raise
        self._pg.exit_pipeline_mode()

    def _send(self, said: Sequence[tuple[Statement, Sequence[Mapping[str, Any]]]], end: bool) -> list[object]:
        """Put everything into libpq's buffer. Returns what each answer will be to: a place in `said` for its values."""
        sent: list[object] = []
        new: dict[str, bytes] = {}
        if self._pg.transaction_status == TransactionStatus.IDLE:
            self._pg.send_query_params(b"BEGIN", None)
            sent.append(None)
        for place, (statement, rows) in enumerate(said):
            name = self._prepared.get(statement.text) or new.get(statement.text)
            if name is None:
                name = new[statement.text] = b"counterpoint_%d" % next(_numbers)
                self._pg.send_prepare(name, statement.text.encode(self._encoding))
                sent.append(_Prepared(statement.text, name))
            for row in rows:
                values, formats = self._values(statement, row)
                self._pg.send_query_prepared(name, values, formats, Format.BINARY)
                sent.append(place)
        if end:
            self._pg.send_query_params(b"COMMIT", None)
            sent.append(None)
        return sent

    def _values(self, statement: Statement, row: Mapping[str, Any]) -> tuple[list[bytes | None], list[Format]]:
        values = [self._encoded(row[name]) for name in statement.names]
        exact = [Format.BINARY if isinstance(row[name], (str, bytes)) else Format.TEXT for name in statement.names]
        return values, exact

    def _encoded(self, value: object) -> bytes | None:
        if isinstance(value, str):
            return value.encode(self._encoding)
        if value is None or isinstance(value, bytes):
            return value
        if isinstance(value, float):
            return float.__repr__(value).encode()
        if isinstance(value, int):
            return int.__repr__(value).encode()
        raise TypeError(f"no column takes a {type(value).__name__}")

    def _receive(self, answers: int) -> PQGen[list[PGresult]]:
        """One result for each command, the last for the end of the pipeline."""
        yield from send(self._pg)
        results = []
        for _ in range(answers):
            results.append((yield from fetch_many(self._pg))[-1])
        return results

    def _rows(self, result: PGresult) -> list[Row]:
        if result.status != ExecStatus.TUPLES_OK:
            return []
        reader = Transformer(self._driver)
        reader.set_pgresult(result)
        return reader.load_rows(0, result.ntuples, tuple)


class _Prepared(NamedTuple):
    """A statement on its way, and what it will be called."""

    text: str
    name: bytes
