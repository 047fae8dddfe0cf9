"""PostgreSQL is told in one packet what belongs together, and takes it as one transaction or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from counterpoint.serving.store.store import Store
from counterpoint.serving.store.wire import Statement, Wire

PUT = Statement("INSERT INTO told VALUES ($1, $2, $3, $4)", ("number", "real", "text", "bytes"))
GET = Statement("SELECT * FROM told WHERE number >= $1::bigint ORDER BY number", ("number",))


def row(number: int, **values: Any) -> dict[str, Any]:
    return {"number": number, "real": 0.1, "text": "é%s", "bytes": b"\0\xff", **values}


@pytest.fixture
def driver(store: Store) -> Iterator[psycopg.Connection[Any]]:
    """A connection with a table of its own."""
    if store.is_sqlite:
        pytest.skip("SQLite has no wire")
    with store.engine.connect() as connection:
        made: Any = connection.connection.driver_connection
        made.execute("CREATE TEMPORARY TABLE told (number bigint PRIMARY KEY, real float8, text varchar, bytes bytea)")
        made.commit()
        yield made
        connection.invalidate()


def test_values_come_back_as_they_were_and_questions_see_what_was_written_before(
    driver: psycopg.Connection[Any],
) -> None:
    rows = [row(1, real=1e-320), row(2, real=1 / 3), row(3, text=None, bytes=None)]
    answers = Wire(driver, {}).say([(PUT, rows), (GET, [{"number": 2}])], end=True)
    assert answers == [[], [tuple(one.values()) for one in rows[1:]]]
    assert driver.pgconn.transaction_status == TransactionStatus.IDLE


def test_what_fails_is_raised_commits_nothing_and_leaves_the_connection_good(driver: psycopg.Connection[Any]) -> None:
    wire = Wire(driver, {})
    for bad, error in ((row(1), psycopg.errors.UniqueViolation), (row(2, text="a\0b"), psycopg.DataError)):
        with pytest.raises(error):
            wire.say([(PUT, [row(1)]), (PUT, [bad])], end=True)
        assert driver.pgconn.transaction_status == TransactionStatus.INERROR
        driver.rollback()
        assert wire.say([(GET, [{"number": 0}])], end=True) == [[]]


def test_more_than_the_buffers_hold_goes_through(driver: psycopg.Connection[Any]) -> None:
    echo = Statement("SELECT $1::varchar", ("text",))
    texts = [{"text": str(number % 10) * 50_000} for number in range(200)]
    assert Wire(driver, {}).say([(echo, texts)], end=True) == [[("9" * 50_000,)]]
