"""The store as the service and the command line open it: a SQLite file that isn't there yet is made."""

from __future__ import annotations

from pathlib import Path

from counterpoint.serving.store import migrate
from counterpoint.serving.store.connect import connect
from counterpoint.serving.store.store import Store


def open_store(url: str, secrets: str) -> Store:
    """The database of that URL. An older one, or PostgreSQL without tables, is for `counterpoint db upgrade`.

    Args:
        url: `sqlite:///FILE` or `postgresql://...`.
        secrets: file of the signing keys; empty: beside SQLite's file.

    Raises:
        StoreError: it can't be used as it is.
        BadInputError: URL or secrets are not what they must be.
    """
    engine = connect(url)
    try:
        if engine.dialect.name == "sqlite" and migrate.version(engine).found is None:
            migrate.upgrade(engine)
    finally:
        engine.dispose()
    return Store.open(url, secrets=Path(secrets) if secrets else None)
