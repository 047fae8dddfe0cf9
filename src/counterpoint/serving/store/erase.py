"""Deleting exactly one person, completely.

In one transaction: events, beliefs, evidence from their own texts, idempotency keys, logged prompts, their place in
the training rows of artefacts (which are listed), and the row that tied their name to an internal id. What stays is a
tombstone, a keyed hash of the name, so that late events are refused; a receipt, signed; and audit lines about an
internal id that nothing leads to any more.

Afterwards `scrub` sees to the bytes. SQLite overwrites what is deleted (`secure_delete`), but rows that once moved from
page to page may have left copies in unused space, and the write-ahead log has old pages: the file is rewritten
(`VACUUM`) where that takes a moment only, and the log is emptied. PostgreSQL keeps deleted rows until they are
vacuumed and their bytes until the space is used again; its tables are rewritten likewise (`VACUUM FULL`). Its own
write-ahead log, archives of that, and backups keep old bytes for as long as the operator keeps them.
"""

from __future__ import annotations

import os
import secrets
import time
from typing import Any

from sqlalchemy import Connection, text, update

from counterpoint.serving.store import artefacts, schema
from counterpoint.serving.store.store import Store, Transaction, as_json
from counterpoint.users.events import format_time

FORMAT = "counterpoint.receipt/1"
AT_ONCE = 64 * 2**20
"""Bytes of a database up to which every deletion rewrites it; larger ones wait for `counterpoint db scrub`."""
PATIENCE = 5.0
"""Seconds to wait for transactions that could still see what was deleted."""
OWN = (
    schema.requests,
    schema.beliefs,
    schema.own_evidence,
    schema.prompt_log,
    schema.artefact_people,
    schema.events,
)
"""Every table whose rows belong to a person; a test says that none is missing."""


def erase(tx: Transaction, name: str) -> dict[str, Any]:
    """Delete one person; the receipt. Deleting again gives the same receipt.

    Raises:
        UnknownPersonError: nobody of this name was ever here.
    """
    if (receipt := tx.tombstone(name)) is not None:
        return receipt
    person = tx.lock(name)
    trained = artefacts.trained_on(tx, person)
    people = schema.people
    own = people.c.tenant == tx.tenant, people.c.id == person.id
    tx.execute(update(people).where(*own).values(erasing=1))
    rows = {table.name: tx.remove(table, person) for table in OWN}
    rows["people"] = int(tx.execute(people.delete().where(*own)).rowcount)
    receipt = tx.vault.sign(
        {
            "schema": FORMAT,
            "id": secrets.token_hex(16),
            "tenant": tx.tenant,
            "subject": tx.subject(name),
            "deleted_at": format_time(tx.now),
            "rows": rows,
            "artefacts": list(trained),
        }
    )
    stone = {"tenant": tx.tenant, "subject": tx.subject(name), "deleted": tx.now, "receipt": as_json(receipt)}
    tx.execute(schema.tombstones.insert().values(**stone))
    tx.note("person deleted", person)
    return receipt


def scrub(store: Store, *, full: bool = False) -> bool:
    """Make sure that no deleted byte is left in the tables' own files; whether it was made sure of.

    Args:
        store: the database.
        full: rewrite it whatever its size. Others wait meanwhile.
    """
    with store.upkeep() as connection:
        return _scrub_sqlite(connection, full) if store.is_sqlite else _scrub_postgresql(connection, full)


def _scrub_sqlite(connection: Connection, full: bool) -> bool:
    rewrite = full or os.path.getsize(str(connection.engine.url.database)) <= AT_ONCE
    if rewrite:
        connection.exec_driver_sql("VACUUM")
    busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    return rewrite and not busy


def _scrub_postgresql(connection: Connection, full: bool) -> bool:
    """Rewriting keeps what a transaction that began before may still see: wait for those, and say if one stays."""
    names = [table.name for table in (*OWN, schema.people)]
    sizes = "SELECT sum(pg_total_relation_size(to_regclass(name))) FROM unnest(CAST(:names AS text[])) AS name"
    rewrite = full or connection.execute(text(sizes), {"names": names}).scalar_one() <= AT_ONCE
    deadline = time.monotonic() + PATIENCE
    while (watched := connection.exec_driver_sql(_OTHERS).scalar_one()) and time.monotonic() < deadline:
        time.sleep(0.05)
    connection.exec_driver_sql(f"VACUUM {'(FULL) ' if rewrite else ''}{', '.join(names)}")
    return rewrite and not watched


_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
)
