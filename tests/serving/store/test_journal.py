"""What SQLite commits is on disk before anybody is told."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from counterpoint.serving.store import journal
from counterpoint.serving.store.records import Principal, StoreError
from counterpoint.serving.store.store import Store


@pytest.fixture
def url(migrated_file: Path, tmp_path: Path) -> str:
    """SQLite alone."""
    (tmp_path / "store.db").write_bytes(migrated_file.read_bytes())
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def synced(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many people were committed, as another connection sees it, at each sync of the write-ahead log."""
    path, found = str(store.engine.url.database), list[int]()
    sync = journal._sync

    def count(file: int) -> None:
        assert os.path.samestat(os.fstat(file), os.stat(f"{path}-wal"))
        with sqlite3.connect(path) as other:
            found.extend(other.execute("SELECT count(*) FROM people").fetchone())
        other.close()
        sync(file)

    monkeypatch.setattr(journal, "_sync", count)
    return found


def add(store: Store, who: Principal, name: str) -> None:
    """A person more."""
    with store.begin(who) as tx:
        tx.lock(name, create=True)


def test_a_transaction_returns_after_its_commit_was_synced(store: Store, who: Principal, synced: list[int]) -> None:
    add(store, who, "ann")
    assert synced == [1]
    add(store, who, "bob")
    assert synced == [1, 2]


def test_transactions_together_are_synced_at_once(store: Store, who: Principal, synced: list[int]) -> None:
    with store.together([]):
        for name in ("ann", "bob", "cleo"):
            add(store, who, name)
        assert synced == []
    assert synced == [3]


def test_nothing_is_acknowledged_when_the_disk_fails(
    store: Store, who: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(journal, "_sync", fail)
    with pytest.raises(StoreError, match="broken"):
        add(store, who, "ann")


def test_a_connection_outside_a_store_syncs_every_commit_itself(store: Store) -> None:
    from counterpoint.serving.store.connect import connect

    with store.reading() as ours:
        assert ours.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1
    engine = connect(str(store.engine.url))
    with engine.connect() as bare:
        assert bare.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    engine.dispose()
