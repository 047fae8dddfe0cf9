"""What a transaction asks and writes, as SQLAlchemy's statements: each one names its tenant."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Delete, Select, Table, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from counterpoint.serving.store import schema

_people, _events, _stones = schema.people.c, schema.events.c, schema.tombstones.c
_FIELDS = (_people.id, _people.name, _people.created, _people.sequence)
PERSON = select(*_FIELDS).where(_people.tenant == bindparam("tenant"), _people.name == bindparam("name"))
LOCKED_PERSON = PERSON.with_for_update()
PEOPLE = (
    select(*_FIELDS)
    .where(_people.tenant == bindparam("tenant"), _people.name > bindparam("name"))
    .order_by(_people.name)
    .limit(bindparam("limit"))
)
COUNT = select(func.count()).select_from(schema.people).where(_people.tenant == bindparam("tenant"))
TOMBSTONE = select(_stones.receipt).where(
    _stones.tenant == bindparam("tenant"), _stones.subject == bindparam("subject")
)
_EVENT = (_events.sequence, _events.id, _events.kind, _events.happened_at, _events.learned_at, _events.payload)
_OWN_EVENTS = select(*_EVENT).where(_events.tenant == bindparam("tenant"), _events.person == bindparam("person"))
EVENTS = _OWN_EVENTS.where(_events.sequence > bindparam("after")).order_by(_events.sequence)
ADVANCE = (
    update(schema.people)
    .where(_people.tenant == bindparam("own_tenant"), _people.id == bindparam("own_id"))
    .values(sequence=bindparam("last"))
)


class Question(NamedTuple):
    """A statement about a person's row, with its values in the order of their names: equal questions are one."""

    table: Table
    statement: Select[Any]
    values: tuple[tuple[str, Any], ...]


def locked(tenant: str, name: str) -> Question:
    """The person of this name, locked."""
    return Question(schema.people, LOCKED_PERSON, (("name", name), ("tenant", tenant)))


def one(table: Table, tenant: str, name: str, **key: Any) -> Question:
    """The row about a person with these values in the rest of its key."""
    return Question(table, row(table, tuple(key)), tuple(sorted({"tenant": tenant, "name": name, **key}.items())))


def in_dialect(table: Table, dialect: str) -> Any:
    """An insert that can say what to do on a conflict."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def insert(table: Table) -> Any:
    """An insert that asks for nothing back, such as a number the database gave."""
    return table.insert().inline()


@cache
def first(table: Table, dialect: str) -> Any:
    """An insert that leaves what is there already."""
    return in_dialect(table, dialect).on_conflict_do_nothing()


@cache
def rows(table: Table) -> Select[Any]:
    mine = table.c.tenant == bindparam("tenant"), table.c.person == bindparam("person")
    return select(table).where(*mine).order_by(*table.primary_key.columns)


@cache
def row(table: Table, key: tuple[str, ...]) -> Select[Any]:
    """The row about the person of this name that has these values in the rest of its key."""
    named = select(_people.id).where(_people.tenant == bindparam("tenant"), _people.name == bindparam("name"))
    mine = table.c.tenant == bindparam("tenant"), table.c.person == named.scalar_subquery()
    return select(table).where(*mine, *(table.c[name] == bindparam(name) for name in key))


@cache
def remove(table: Table) -> Delete:
    return delete(table).where(table.c.tenant == bindparam("tenant"), table.c.person == bindparam("person"))


@cache
def upsert(table: Table, dialect: str) -> Any:
    statement = in_dialect(table, dialect)
    key = [column.name for column in table.primary_key.columns]
    rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=rest)
