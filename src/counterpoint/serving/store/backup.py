"""Copies of a whole database, taken while it is in use, and back.

SQLite: its online backup into one file. PostgreSQL: `pg_dump` and `pg_restore`, whose binaries must be at hand. A copy
is for its owner's eyes (mode 0600); the secrets file is not in it and has to be kept beside.

A copy may hold people who were deleted since. So restoring over a database that can still be read carries its
tombstones over and erases those people again; where it can't, say which deletions came after the copy: their receipts
do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from counterpoint.errors import BadInputError
from counterpoint.serving.store import migrate, schema
from counterpoint.serving.store.connect import connect
from counterpoint.serving.store.erase import erase, scrub
from counterpoint.serving.store.records import Principal, StoreError
from counterpoint.serving.store.store import Store

OPERATOR = "operator"
"""Who does things from the command line, in the audit trail."""


def backup(engine: Engine, to: Path) -> None:
    """Write a copy; an existing file is not overwritten.

    Raises:
        BadInputError: the file exists, or `pg_dump` is not here.
        StoreError: the database can't be copied.
    """
    if to.exists():
        raise BadInputError(f"{to} exists; name a new file")
    to.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        if engine.dialect.name == "sqlite":
            _copy_sqlite(_file(engine), to)
        else:
            _run(engine, "pg_dump", "--format=custom", "--no-owner", f"--file={to}")
    except BaseException:
        to.unlink()
        raise


def restore(url: str, copy: Path, *, secrets: Path | None = None) -> int:
    """Put a copy in place of what is there, bring it to the newest version, and erase who was deleted since.

    Args:
        url: the database; nothing else may use it meanwhile.
        copy: what `backup` wrote.
        secrets: as for `Store.open`.

    Returns:
        How many people were erased again.

    Raises:
        BadInputError: the copy is none.
        StoreError: it can't be put in place.
    """
    engine = connect(url)
    try:
        _check_copy(engine, copy)
        stones = _tombstones(engine)
        if engine.dialect.name == "sqlite":
            _put_sqlite(_file(engine), copy)
        else:
            with engine.begin() as connection:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
            _run(engine, "pg_restore", "--no-owner", "--single-transaction", "--exit-on-error", str(copy))
        migrate.upgrade(engine)
    finally:
        engine.dispose()
    store = Store.open(url, secrets=secrets)
    try:
        return _erase_again(store, stones)
    finally:
        store.close()


def _erase_again(store: Store, stones: Sequence[Mapping[str, Any]]) -> int:
    """Tombstones are hashes of names: everybody's name is hashed and looked up."""
    erased = 0
    for tenant in sorted({stone["tenant"] for stone in stones}):
        dead = {stone["subject"] for stone in stones if stone["tenant"] == tenant}
        after = ""
        while True:
            with store.begin(Principal(tenant, OPERATOR)) as tx:
                page = tx.people(after=after, limit=200)
                gone = [row.name for row in page if tx.subject(row.name) in dead]
                for name in gone:
                    erase(tx, name)
            erased += len(gone)
            if not page:
                break
            after = page[-1].name
    with store.transaction() as connection:
        if stones:
            insert = store.insert(schema.tombstones).on_conflict_do_nothing()
            connection.execute(insert, [dict(stone) for stone in stones])
    if erased:
        scrub(store, full=True)
    return erased


def _tombstones(engine: Engine) -> list[Mapping[str, Any]]:
    """Those of the database that is being replaced, as far as it can be read."""
    with contextlib.suppress(Exception):
        if engine.dialect.name == "sqlite" and not _file(engine).exists():
            return []
        if migrate.version(engine).found is not None:
            with engine.connect() as connection:
                return [dict(row) for row in connection.execute(select(schema.tombstones)).mappings()]
    return []


def _file(engine: Engine) -> Path:
    return Path(str(engine.url.database))


def _copy_sqlite(source: Path, to: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as held,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        try:
            held.backup(copy)
            if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise StoreError(f"{source} is damaged; the copy would be too")
        except sqlite3.Error as error:
            raise StoreError(f"{source} can't be copied: {error}") from error


def _put_sqlite(file: Path, copy: Path) -> None:
    """Beside it first, then in its place at once; the old write-ahead log goes with the old file."""
    aside = file.with_name(file.name + ".restoring")
    shutil.copyfile(copy, aside)
    for rest in ("-wal", "-shm"):
        file.with_name(file.name + rest).unlink(missing_ok=True)
    os.replace(aside, file)


def _check_copy(engine: Engine, copy: Path) -> None:
    magic = b"SQLite format 3\0" if engine.dialect.name == "sqlite" else b"PGDMP"
    try:
        with copy.open("rb") as file:
            found = file.read(len(magic))
    except OSError as error:
        raise BadInputError(f"{copy} can't be read: {error.strerror}") from None
    if found != magic:
        raise BadInputError(f"{copy} is not a backup of a {engine.dialect.name} store")


def _run(engine: Engine, program: str, *options: str) -> None:
    """The password goes by the environment, where other users of the machine don't see it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(program) or next((str(f / program) for f in folders if (f / program).exists()), None)
    if found is None:
        raise BadInputError(f"{program} is not on this machine; install PostgreSQL's client programs")
    url = engine.url.set(drivername="postgresql", password=None)
    environment = dict(os.environ)
    if engine.url.password:
        environment["PGPASSWORD"] = str(engine.url.password)
    plain = url.render_as_string(hide_password=False)
    done = subprocess.run(
        [found, f"--dbname={plain}", *options], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StoreError(f"{program} failed: {done.stderr.strip()}")
