"""Requests that share a transaction: one beginning, one end, one sync and two round trips for all of them.

Their people are locked in one order, so that two of these never wait for each other. A request that is refused takes
back what it had in mind to write, which was not sent yet; the others go on. Where some of it was sent, the database
refused something, or somebody else has one of the people for long, nothing of the whole is kept, and each can be done
again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Table
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from counterpoint.serving.store import queries
from counterpoint.serving.store.statements import Statements
from counterpoint.serving.store.wire import Row

Whose = tuple[str, str]
"""A tenant and what it calls a person."""


class UndoneError(Exception):
    """Nothing of a shared transaction was kept, for certain."""


class Together:
    """What requests of one transaction have in common.

    Attributes:
        statements: what is said to the database.
        locked: people locked at the start: the rows that lock them, and those beside. Good once: whoever asks
            again may have written meanwhile.
    """

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.locked: dict[Whose, list[list[Row]]] = {}
        self._torn = False

    def lock(self, people: Sequence[Whose], beside: Table) -> None:
        """Lock them all in one round trip. Raises `UndoneError` where that fails."""
        self.statements.hurry()
        names = sorted(set(people))
        questions = [queries.LOCKED_PERSON, queries.beside(beside)]
        values = [{"tenant": tenant, "name": name} for tenant, name in names]
        try:
            answers = self.statements.read_each([(question, one) for one in values for question in questions])
        except Exception as error:
            raise UndoneError from error
        self.locked = {whose: answers[2 * place : 2 * place + 2] for place, whose in enumerate(names)}

    @contextmanager
    def part(self) -> Iterator[None]:
        """One request. What it raises is its own, if nothing of it was sent."""
        self.statements.mark()
        try:
            yield
        except BaseException:
            self._torn |= not self.statements.take_back()
            raise

    def commit(self) -> None:
        """Send what waits, and end. Raises `UndoneError`, or the database's error where nobody knows what was kept."""
        if self._torn:
            raise UndoneError
        try:
            self.statements.commit()
        except DBAPIError as error:
            if _refused(error):
                raise UndoneError from error
            raise


def _refused(error: DBAPIError) -> bool:
    """Whether the database said no to a statement, as opposed to being gone at a moment when it may have committed."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return isinstance(error, (IntegrityError, DataError)) or state.startswith(("40", "55"))  # deadlock; waited too long
