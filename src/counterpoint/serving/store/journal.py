"""When SQLite's commits reach the disk: what PostgreSQL calls group commit.

With `synchronous=FULL` a commit ends with a sync of the write-ahead log, while every other writer waits. Here a commit
only writes to the log (`synchronous=NORMAL`), which outlives the process but not a power cut; the sync follows when the
next writer may begin, once for all commits before it, and whoever waits for an answer waits for it. What is committed
and not yet synced can be read by others, whose own transactions end with a sync too: no answer rests on what may go.

SQLite itself syncs the log before it copies it into the database, and the database before it begins the log again
(https://www.sqlite.org/wal.html, "Performance Considerations"): a log that isn't there any more holds nothing we miss.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Engine, event

from counterpoint.serving.store.records import StoreError

_sync = getattr(os, "fdatasync", os.fsync)


class Journal:
    """The write-ahead log of an engine's database, synced by us from now on."""

    def __init__(self, engine: Engine) -> None:
        self._path = f"{os.path.realpath(str(engine.url.database))}-wal"
        engine.dispose()  # connections made before sync by themselves
        event.listen(engine, "connect", _leave_syncing)

    def settle(self) -> None:
        """Return when all that was committed is on disk."""
        try:
            log = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:  # all of it is in the database
            return
        try:
            _sync(log)
        except OSError as error:
            raise StoreError(f"the disk did not take what was written: {error}") from error
        finally:
            os.close(log)


def _leave_syncing(connection: Any, _record: object) -> None:
    """Where there is a write-ahead log: some file systems have none."""
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        connection.execute("PRAGMA synchronous=NORMAL")
