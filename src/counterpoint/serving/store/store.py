"""`Store`: one database. `Transaction`: one tenant's rows in it, for the length of one request.

There is no way to ask a transaction about another tenant: the tenant is given once, when it begins, and every statement
has it.

Concurrency: a transaction that touches a person locks that person first (`lock`): `SELECT ... FOR UPDATE` on
PostgreSQL; on SQLite a transaction is the only writer from its start (`BEGIN IMMEDIATE`). So updates of one person come
one after the other, in whatever thread, process or replica.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import time as now
from typing import Any

from counterpoint.serving.store.records import PersonRow, Principal, StoredEvent


class Store:
    """A database and the secrets beside it. Safe to share between threads; each process opens its own."""

    @classmethod
    def open(cls, url: str, *, secrets: Path | None = None, clock: Callable[[], float] = now) -> Store:
        """Connect.

        Args:
            url: `sqlite:///path` or `postgresql://user:password@host/name`.
            secrets: file of the signing and hashing keys, made with mode 0600 if absent; by default
                `<database>.secrets` beside a SQLite database; PostgreSQL needs it named.
            clock: seconds since 1970.

        Raises:
            StoreError: no such database, or its tables are not at the newest version (`counterpoint db upgrade`).
            BadInputError: the URL or the secrets file is not what it must be.
        """
        raise NotImplementedError

    @contextmanager
    def begin(self, who: Principal) -> Iterator[Transaction]:
        """One request: everything inside is kept, or, when it raises, nothing."""
        raise NotImplementedError

    def ready(self) -> None:
        """Ask the database something. Raises `StoreError` if it doesn't answer or has the wrong version."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of all connections; on SQLite the write-ahead log is folded in."""
        raise NotImplementedError


class Transaction:
    """One tenant, one request. Made by `Store.begin` alone."""

    def find(self, name: str) -> PersonRow:
        """The person of this name. Raises `UnknownPersonError`, or `PersonDeletedError` if they were deleted."""
        raise NotImplementedError

    def lock(self, name: str, *, create: bool = False) -> PersonRow:
        """The person of this name, locked until the end; made if wanted. Raises as `find` does."""
        raise NotImplementedError

    def people(self, *, after: str = "", limit: int = 50) -> tuple[PersonRow, ...]:
        """People in the order of their names, those after `after`."""
        raise NotImplementedError

    def count_people(self) -> int:
        """How many people the tenant has. Counts rows: for the operator's page, not for a request's path."""
        raise NotImplementedError

    def append(self, person: PersonRow, events: Sequence[StoredEvent]) -> PersonRow:
        """Add events of a locked person; their sequences must follow on. Returns the person with the new sequence."""
        raise NotImplementedError

    def events(self, person: PersonRow, *, after: int = 0) -> tuple[StoredEvent, ...]:
        """Events with a sequence beyond `after`, in the order of sequence."""
        raise NotImplementedError

    def note(self, what: str, person: PersonRow | None = None) -> None:
        """Write into the audit trail who does what to whom, when."""
        raise NotImplementedError

    def log_prompt(self, person: PersonRow, content: dict[str, Any]) -> None:
        """Keep a prompt and its reply. Only where the operator asked for that."""
        raise NotImplementedError

    def register_artefact(self, name: str, sha256: str, people: Sequence[str]) -> None:
        """Say that something was trained, and on rows of whom (names).

        Raises:
            ConflictError: the name was used before; names carry a version and are never used again.
        """
        raise NotImplementedError
