"""Requests that share a transaction: one beginning, one end, one sync and two round trips for all of them.

Their people are locked in one order, so that two of these never wait for each other. A request that is refused takes
back what it had in mind to write, which was not sent yet; the others go on. Where some of it was sent, the database
refused something, or somebody else has one of the people for long, nothing of the whole is kept, and each can be done
again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Table
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from counterpoint.serving.store import queries, schema
from counterpoint.serving.store.queries import Question
from counterpoint.serving.store.statements import Statements
from counterpoint.serving.store.wire import Row


class UndoneError(Exception):
    """Nothing of a shared transaction was kept, for certain."""


class Ahead(NamedTuple):
    """What a request will ask of the database: it can be asked for several requests at once."""

    tenant: str
    person: str
    """Whom it locks, by name."""
    key: str = ""
    """Its idempotency key."""
    ids: tuple[str, ...] = ()
    """Names of its events."""

    def questions(self) -> list[Question]:
        """The person, locked, before all about them."""
        whose = self.tenant, self.person
        keyed = [queries.one(schema.requests, *whose, key=self.key)] if self.key else []
        named = [queries.one(schema.events, *whose, id=id_) for id_ in self.ids]
        return [queries.locked(*whose), queries.one(schema.beliefs, *whose), *keyed, *named]


class Together:
    """What requests of one transaction have in common.

    Attributes:
        statements: what is said to the database.
    """

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self._known: dict[tuple[str, str], dict[Question, list[Row]]] = {}
        self._torn = False

    def look(self, ahead: Sequence[Ahead]) -> None:
        """Lock people and ask about them, in one round trip. Raises `UndoneError` where that fails."""
        self.statements.hurry()
        asked = {question: one[:2] for one in sorted(ahead) for question in one.questions()}
        try:
            answers = self.statements.read_each(list(asked))
        except Exception as error:
            raise UndoneError from error
        for (question, whose), answer in zip(asked.items(), answers, strict=True):
            self._known.setdefault(whose, {})[question] = answer

    def ask(self, tenant: str, person: str, questions: Sequence[Question]) -> list[list[Row]]:
        """Answers about a locked person; those that are known cost nothing."""
        known = self._known.setdefault((tenant, person), {})
        missing = [question for question in questions if question not in known]
        if missing:
            known.update(zip(missing, self.statements.read_each(missing), strict=True))
        return [known[question] for question in questions]

    def forget(self, tenant: str, person: str, table: Table | None = None) -> None:
        """What is known about a person, or of their rows in a table, is not so any more: something was written."""
        known = self._known.get((tenant, person), {})
        for question in [question for question in known if table is None or question.table is table]:
            del known[question]

    def forget_all(self) -> None:
        """Something was written, nobody knows what."""
        self._known.clear()

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
