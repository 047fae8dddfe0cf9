"""The tables. `migrations/` builds the same from nothing, and a test says that the two agree.

`events` and `audit` are append-only: triggers refuse updates, and deletions too, but for events of a person whose row
says `erasing`. Beliefs can be thrown away at any time. Times are seconds since 1970 (UTC).

A person has a random internal `id`; other tables know only that, so that once the row in `people` is gone nothing left
behind (audit, receipts) says who it was. Every table about people begins its key with the tenant, so that no index can
be read across tenants.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(referred_table_name)s"})

SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""A number the database counts up: SQLite does so for INTEGER alone."""

NAME = 200
"""Most characters of a name: a tenant's, a person's, an event's, a key's."""
PERSON_ID = 32
"""Characters of a person's internal id: 128 random bits in hex."""
TABLE: dict[str, Any] = {"sqlite_with_rowid": False}
"""In SQLite rows lie in the order of their primary key: one person's are neighbours, whoever else there is."""


def _tenant(*, key: bool = True) -> Column[str]:
    return Column("tenant", String(NAME), ForeignKey("tenants.name"), primary_key=key, nullable=False)


def _of_person() -> tuple[Column[str], Column[str], ForeignKeyConstraint]:
    """The first two columns of a key, and the constraint that they are one person of one tenant."""
    tenant = Column("tenant", String(NAME), primary_key=True)
    person = Column("person", String(PERSON_ID), primary_key=True)
    return tenant, person, ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"])


settings = Table(
    "settings",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("value", Text, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("created", Double, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    _tenant(key=False),
    Column("name", String(NAME), nullable=False),
    Column("hash", String(64), nullable=False, comment="SHA-256 of the secret, which has 256 random bits"),
    Column("scopes", Text, nullable=False, comment="names in alphabetical order, a space between"),
    Column("created", Double, nullable=False),
    Column("expires", Double, comment="never, if null"),
    Column("replaces", String(32), comment="the key this one was rotated from"),
    Index("ix_api_keys_tenant", "tenant"),
)

people = Table(
    "people",
    metadata,
    _tenant(),
    Column("id", String(PERSON_ID), primary_key=True),
    Column("name", String(NAME), nullable=False, comment="what the tenant calls them"),
    Column("created", Double, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="of their last event; locked while events are added"),
    Column("erasing", Integer, nullable=False, server_default="0"),
    Index("ix_people_name", "tenant", "name", unique=True),
    **TABLE,
)

tombstones = Table(
    "tombstones",
    metadata,
    _tenant(),
    Column("subject", String(64), primary_key=True, comment="keyed hash of the deleted person's name"),
    Column("deleted", Double, nullable=False),
    Column("receipt", Text, nullable=False, comment="signed JSON"),
    **TABLE,
)

events = Table(
    "events",
    metadata,
    *_of_person(),
    Column("sequence", BigInteger, primary_key=True, comment="1, 2, ... in the order we learnt of them"),
    Column("id", String(NAME), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("happened_at", Double, nullable=False),
    Column("learned_at", Double, nullable=False),
    Column("payload", Text, nullable=False, comment="canonical JSON of what is particular to the kind"),
    Index("ix_events_id", "tenant", "person", "id", unique=True),
    **TABLE,
)

requests = Table(
    "requests",
    metadata,
    *_of_person(),
    Column("key", String(NAME), primary_key=True, comment="the caller's idempotency key"),
    Column("digest", String(64), nullable=False, comment="keyed hash of what was sent"),
    Column("outcome", Text, nullable=False, comment="JSON of what was answered"),
    Column("at", Double, nullable=False),
    **TABLE,
)

beliefs = Table(
    "beliefs",
    metadata,
    *_of_person(),
    Column("sequence", BigInteger, nullable=False, comment="of the last event it counts"),
    Column("identity", String(64), nullable=False, comment="hash of evidence and user model"),
    Column("last_time", Double, nullable=False, comment="of the last event in order of time"),
    Column("last_event", String(NAME), nullable=False),
    Column("packed", LargeBinary, nullable=False, comment="users.belief.Belief.pack, without corrections"),
    Column("corrections", Text, nullable=False, comment="JSON: what the person says of each value pair"),
    **TABLE,
)

dilemmas = Table(
    "dilemmas",
    metadata,
    Column("digest", String(64), primary_key=True, comment="types.Dilemma.digest"),
    Column("identity", String(64), primary_key=True, comment="hash of the scorer and the poles"),
    Column("content", Text, nullable=False, comment="JSON of the dilemma"),
    Column("width", Integer, nullable=False, comment="number of options"),
    Column("log_probs", LargeBinary, nullable=False, comment="float32 [pole, option]"),
)

own_evidence = Table(
    "own_evidence",
    metadata,
    *_of_person(),
    Column("key", String(64), primary_key=True, comment="content hash of the scorer and the person's own text"),
    Column("width", Integer, nullable=False),
    Column("log_probs", LargeBinary, nullable=False, comment="float32 [pole, option]"),
    **TABLE,
)

prompt_log = Table(
    "prompt_log",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME), nullable=False),
    Column("person", String(PERSON_ID), nullable=False),
    Column("at", Double, nullable=False),
    Column("request", String(NAME), nullable=False),
    Column("content", Text, nullable=False, comment="JSON: messages and reply; kept only when asked for"),
    ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"]),
    Index("ix_prompt_log_person", "tenant", "person", "number"),
)

artefacts = Table(
    "artefacts",
    metadata,
    _tenant(),
    Column("name", String(NAME), primary_key=True, comment="with its version; never used again"),
    Column("created", Double, nullable=False),
    Column("retired", Double),
    Column("sha256", String(64), nullable=False, comment="of its weights"),
)

artefact_people = Table(
    "artefact_people",
    metadata,
    *_of_person(),
    Column("artefact", String(NAME), primary_key=True),
    ForeignKeyConstraint(["tenant", "artefact"], ["artefacts.tenant", "artefacts.name"]),
    **TABLE,
)

audit = Table(
    "audit",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    _tenant(key=False),
    Column("at", Double, nullable=False),
    Column("who", String(NAME), nullable=False, comment="id of the API key, or the operator"),
    Column("what", String(40), nullable=False),
    Column("whose", String(PERSON_ID), nullable=False, comment="a person's internal id; '' for nobody's"),
    Column("request", String(NAME), nullable=False),
    Index("ix_audit_whose", "tenant", "whose", "number"),
)
