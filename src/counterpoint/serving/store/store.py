"""`Store`: one database. `Transaction`: one tenant's rows in it, for the length of one request.

There is no way to ask a transaction about another tenant: the tenant is given once, when it begins, and every statement
has it.

Concurrency: a transaction that touches a person locks that person first (`lock`): `SELECT ... FOR UPDATE` on
PostgreSQL; on SQLite a transaction is the only writer from its start (`BEGIN IMMEDIATE`). So updates of one person come
one after the other, in whatever thread, process or replica.

What a transaction writes waits until it reads again or ends (`statements.py`).
"""

from __future__ import annotations

import json
import secrets as randomness
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from time import time as now
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, Table, select

from counterpoint.errors import BadInputError
from counterpoint.serving.store import migrate, queries, schema
from counterpoint.serving.store.connect import connect, store_errors
from counterpoint.serving.store.journal import Journal
from counterpoint.serving.store.records import (
    PersonDeletedError,
    PersonRow,
    Principal,
    StoredEvent,
    StoreError,
    UnknownPersonError,
)
from counterpoint.serving.store.statements import Statements
from counterpoint.serving.store.together import Ahead, Together
from counterpoint.serving.store.turns import Turns
from counterpoint.serving.store.vault import Vault
from counterpoint.serving.store.wire import Row


class Store:
    """A database and the secrets beside it. Safe to share between threads; each process opens its own."""

    def __init__(self, engine: Engine, vault: Vault, clock: Callable[[], float]) -> None:
        self.engine, self.vault, self.clock = engine, vault, clock
        self.url = engine.url.render_as_string(hide_password=True)
        # SQLite has one writer; threads of this process queue here, in their order and without polling
        self._turn: AbstractContextManager[Any] = Turns() if self.is_sqlite else nullcontext()
        self._journal = Journal(engine) if self.is_sqlite else None
        self._mine = threading.local()

    @property
    def is_sqlite(self) -> bool:
        """Otherwise it is PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

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
        engine = connect(url)
        if secrets is None:
            if engine.dialect.name != "sqlite":
                raise BadInputError("a PostgreSQL store needs the path of its secrets file, the same for every replica")
            secrets = Path(f"{engine.url.database}.secrets")
        try:
            with store_errors():
                migrate.require_newest(engine)
            store = cls(engine, Vault.open(secrets), clock)
            store._claim(secrets)
        except BaseException:
            engine.dispose()
            raise
        return store

    def _claim(self, secrets: Path) -> None:
        """A database belongs to the secrets it was first opened with."""
        mine = self.vault.keyed_hash("secrets")
        insert = self.insert(schema.settings).values(name="secrets", value=mine).on_conflict_do_nothing()
        with self.transaction() as connection:
            connection.execute(insert)
            held = connection.scalar(select(schema.settings.c.value).where(schema.settings.c.name == "secrets"))
        if held != mine:
            raise StoreError(f"{secrets} is not the secrets file that {self.url} was made with; give that one")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A bare transaction, for what concerns no tenant or all of them: keys, migrations, upkeep."""
        with store_errors():
            with self._turn, self.engine.begin() as connection:
                yield connection
            self._settle()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A bare transaction that writes nothing: it waits for nobody."""
        with store_errors(), self.engine.connect() as connection:
            connection.execution_options(sqlite_begin="BEGIN")
            with connection.begin():
                yield connection

    @contextmanager
    def begin(self, who: Principal) -> Iterator[Transaction]:
        """One request: everything inside is kept, or, when it raises, nothing. In `together`, kept at its end."""
        shared: Together | None = getattr(self._mine, "shared", None)
        if shared is not None:
            with store_errors(), shared.part():
                made = Transaction(shared, who, self)
                yield made
                made.finish()
            return
        with store_errors():
            with self._turn, self.engine.begin() as connection:
                alone = Together(Statements(connection))
                made = Transaction(alone, who, self)
                yield made
                made.finish()
                alone.statements.commit()
            self._settle()

    @contextmanager
    def together(self, ahead: Sequence[Ahead]) -> Iterator[None]:
        """What this thread begins inside is one transaction, on disk when this ends; until then nobody may be told.

        Args:
            ahead: whom they will lock and what they will ask: done now, in one round trip.

        Raises:
            UndoneError: nothing was kept, though each by itself might be.
            StoreError: the database failed; whether anything was kept is not known.
        """
        with store_errors():
            with self._turn, self.engine.begin() as connection:
                shared = Together(Statements(connection))
                shared.look(ahead)
                self._mine.shared = shared
                try:
                    yield
                finally:
                    self._mine.shared = None
                shared.commit()
            self._settle()

    def _settle(self) -> None:
        if self._journal is not None:
            self._journal.settle()

    @contextmanager
    def upkeep(self) -> Iterator[Connection]:
        """A connection in no transaction, for what the database refuses to do in one."""
        with store_errors():
            with self._turn, self.engine.connect() as connection:
                options = {"sqlite_begin": ""} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
                yield connection.execution_options(**options)
            self._settle()

    def insert(self, table: Table) -> Any:
        """An insert that can say what to do on a conflict, in the database's dialect."""
        return queries.in_dialect(table, self.engine.dialect.name)

    def ready(self) -> None:
        """Ask the database something. Raises `StoreError` if it doesn't answer or has the wrong version."""
        with store_errors():
            migrate.require_newest(self.engine)

    def close(self) -> None:
        """Let go of all connections; on SQLite the last one to go folds the write-ahead log in."""
        self.engine.dispose()


class Transaction:
    """One tenant, one request. Made by `Store.begin` alone."""

    def __init__(self, shared: Together, who: Principal, store: Store) -> None:
        self._shared, self._statements, self._who, self._store = shared, shared.statements, who, store
        self._now = store.clock()
        self._notes: list[dict[str, Any]] = []

    @property
    def tenant(self) -> str:
        """Whose rows these are."""
        return self._who.tenant

    @property
    def now(self) -> float:
        """When this began, seconds since 1970; one moment for all it writes."""
        return self._now

    @property
    def vault(self) -> Vault:
        """Signs and hashes."""
        return self._store.vault

    def finish(self) -> None:
        """Write the audit trail."""
        self._statements.write(queries.insert(schema.audit), self._notes)

    # People

    def find(self, name: str) -> PersonRow:
        """The person of this name. Raises `UnknownPersonError`, or `PersonDeletedError` if they were deleted."""
        check_name(name, "a person's name")
        rows = self._statements.read(queries.PERSON, {"tenant": self.tenant, "name": name})
        return PersonRow(*rows[0]) if rows else self._nobody(name)

    def lock(self, name: str, *, create: bool = False, beside: Table | None = None) -> PersonRow:
        """The person of this name, locked until the end; made if wanted. Raises as `find` does.

        `beside` names a table whose row about them will be asked for: it comes in the same round trip.
        """
        found = self._lock(name, beside)
        if found is None and create:
            self._create(name)
            found = self._lock(name, beside)
        return found or self._nobody(name)

    def _lock(self, name: str, beside: Table | None) -> PersonRow | None:
        check_name(name, "a person's name")
        further = [] if beside is None else [queries.one(beside, self.tenant, name)]
        rows, *_ = self._shared.ask(self.tenant, name, [queries.locked(self.tenant, name), *further])
        return PersonRow(*rows[0]) if rows else None

    def _create(self, name: str) -> None:
        """The tombstone is looked for after the insert too: that waits for whoever deletes a person of this name."""
        if self.tombstone(name) is not None:
            raise PersonDeletedError(name)
        row = {"tenant": self.tenant, "id": randomness.token_hex(16), "name": name, "created": self.now, "sequence": 0}
        self._shared.forget(self.tenant, name)
        self._statements.write(queries.first(schema.people, self._store.engine.dialect.name), [row])
        if self.tombstone(name) is not None:
            raise PersonDeletedError(name)

    def _nobody(self, name: str) -> NoReturn:
        raise PersonDeletedError(name) if self.tombstone(name) is not None else UnknownPersonError(name)

    def people(self, *, after: str = "", limit: int = 50) -> tuple[PersonRow, ...]:
        """People in the order of their names, those after `after`."""
        values = {"tenant": self.tenant, "name": after, "limit": limit}
        return tuple(PersonRow(*row) for row in self._statements.read(queries.PEOPLE, values))

    def count_people(self) -> int:
        """How many people the tenant has. Counts rows: for the operator's page, not for a request's path."""
        [[count]] = self._statements.read(queries.COUNT, {"tenant": self.tenant})
        return int(count)

    def subject(self, name: str) -> str:
        """The keyed hash under which a deleted person's name is remembered."""
        return self.vault.keyed_hash("person", self.tenant, name)

    def tombstone(self, name: str) -> dict[str, Any] | None:
        """The receipt of the person's deletion; None if nobody of this name was deleted."""
        check_name(name, "a person's name")
        rows = self._statements.read(queries.TOMBSTONE, {"tenant": self.tenant, "subject": self.subject(name)})
        return dict(json.loads(rows[0][0])) if rows else None

    # Events

    def append(self, person: PersonRow, events: Sequence[StoredEvent]) -> PersonRow:
        """Add events of a locked person; their sequences must follow on. Returns the person with the new sequence."""
        rows = [
            {
                "sequence": event.sequence,
                "id": event.id,
                "kind": event.kind,
                "happened_at": event.happened_at,
                "learned_at": event.learned_at,
                "payload": as_json(event.payload),
            }
            for event in events
        ]
        if [event.sequence for event in events] != list(range(person.sequence + 1, person.sequence + len(rows) + 1)):
            raise ValueError(f"events must follow on {person.sequence}")
        if not rows:
            return person
        self.add(schema.events, person, rows)
        last = events[-1].sequence
        self._shared.forget(self.tenant, person.name, schema.people)
        self._statements.write(queries.ADVANCE, [{"own_tenant": self.tenant, "own_id": person.id, "last": last}])
        return PersonRow(person.id, person.name, person.created, last)

    def events(self, person: PersonRow, *, after: int = 0) -> tuple[StoredEvent, ...]:
        """Events with a sequence beyond `after`, in the order of sequence."""
        found = self._statements.read(queries.EVENTS, {**self._own(person), "after": after})
        return tuple(_stored(row) for row in found)

    def events_called(self, person: PersonRow, ids: Sequence[str]) -> dict[str, StoredEvent]:
        """Those of a person's events that have one of these ids."""
        asked = [queries.one(schema.events, self.tenant, person.name, id=id_) for id_ in ids]
        found = [row for rows in self._shared.ask(self.tenant, person.name, asked) for row in rows]
        fields = StoredEvent.__dataclass_fields__
        return {row["id"]: _stored([row[name] for name in fields]) for row in _by_column(schema.events, found)}

    # Any table whose rows belong to a person

    def rows(self, table: Table, person: PersonRow) -> list[dict[str, Any]]:
        """All of a person's rows, by column."""
        return _by_column(table, self._statements.read(queries.rows(table), self._own(person)))

    def row(self, table: Table, person: PersonRow, **key: Any) -> dict[str, Any] | None:
        """The row with these values in the rest of its key."""
        [rows] = self._shared.ask(self.tenant, person.name, [queries.one(table, self.tenant, person.name, **key)])
        return _by_column(table, rows)[0] if rows else None

    def add(self, table: Table, person: PersonRow, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows of a person's."""
        own = self._own(person)
        self._shared.forget(self.tenant, person.name, table)
        self._statements.write(queries.insert(table), [{**own, **row} for row in rows])

    def put(self, table: Table, person: PersonRow, row: Mapping[str, Any]) -> None:
        """Insert a row, or replace the one of its key."""
        self._shared.forget(self.tenant, person.name, table)
        statement = queries.upsert(table, self._store.engine.dialect.name)
        self._statements.write(statement, [{**self._own(person), **row}])

    def remove(self, table: Table, person: PersonRow) -> int:
        """Delete all of a person's rows; how many there were."""
        self._shared.forget(self.tenant, person.name, table)
        return int(self._statements.execute(queries.remove(table), self._own(person)).rowcount)

    def execute(self, statement: Any) -> Any:
        """Run a statement that names this tenant itself: for the modules of this folder."""
        self._shared.forget_all()
        return self._statements.execute(statement)

    # What is written down about requests

    def note(self, what: str, person: PersonRow | None = None) -> None:
        """Write into the audit trail who does what to whom, when."""
        row = {
            "tenant": self.tenant,
            "at": self.now,
            "who": self._who.key,
            "what": what,
            "whose": person.id if person else "",
            "request": self._who.request,
        }
        self._notes.append(row)

    def _own(self, person: PersonRow) -> dict[str, str]:
        return {"tenant": self.tenant, "person": person.id}


def _stored(row: Sequence[Any]) -> StoredEvent:
    sequence, name, kind, happened_at, learned_at, payload = row
    return StoredEvent(sequence, name, kind, happened_at, learned_at, json.loads(payload))


def _by_column(table: Table, rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(zip(table.columns.keys(), row, strict=True)) for row in rows]


def check_name(name: str, what: str) -> None:
    """Raise `BadInputError` unless both databases can keep it as a name."""
    if not 0 < len(name) <= schema.NAME:
        raise BadInputError(f"{what} has 1 to {schema.NAME} characters, this one {len(name)}")
    if not name.isprintable():
        raise BadInputError(f"{what} has printable characters alone, this one is {name!r}")


def as_json(value: object) -> str:
    """Canonical: the same value gives the same text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
