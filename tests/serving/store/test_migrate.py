"""From nothing to the newest tables, which are the ones in the schema, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from counterpoint.serving.storage import open_store
from counterpoint.serving.store import migrate
from counterpoint.serving.store.connect import connect
from counterpoint.serving.store.records import StoreError
from counterpoint.serving.store.schema import metadata
from serving.postgres import Cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    if request.param == "sqlite":
        engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        engine = connect(cluster.create(f"empty_{request.node.name}"[:60]))
    yield engine
    engine.dispose()


def test_migrations_make_the_tables_of_the_schema(engine: Engine) -> None:
    assert migrate.version(engine).found is None
    assert migrate.upgrade(engine).is_newest
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_does_nothing(engine: Engine) -> None:
    first = migrate.upgrade(engine)
    assert migrate.upgrade(engine) == first
    migrate.require_newest(engine)


def test_replicas_that_start_together_upgrade_once(engine: Engine) -> None:
    found: list[object] = []

    def upgrade() -> None:
        try:
            found.append(migrate.upgrade(engine).is_newest)
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_a_step_that_fails_leaves_the_database_as_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    original = Operations.execute

    def broken(self: Operations, statement: object, **options: object) -> None:
        if "audit_stays" in str(statement):
            raise RuntimeError("the power fails")
        original(self, statement, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Operations, "execute", broken)
    with pytest.raises(RuntimeError, match="power"):
        migrate.upgrade(engine)
    assert [name for name in inspect(engine).get_table_names() if name != "alembic_version"] == []
    with pytest.raises(StoreError, match="no tables"):
        migrate.require_newest(engine)


def test_a_new_sqlite_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    engine.dispose()
    with pytest.raises(StoreError, match="can't be made"):
        migrate.upgrade(connect(f"sqlite:///{tmp_path / 'no folder' / 'x.db'}"))


def test_a_file_that_the_service_makes_is_for_its_owners_eyes(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'made.db'}", "")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    store.close()
