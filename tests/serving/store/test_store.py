"""Transactions, tenants and locks, on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from counterpoint.errors import BadInputError
from counterpoint.serving.store import migrate, schema
from counterpoint.serving.store.connect import connect
from counterpoint.serving.store.records import Principal, StoredEvent, StoreError, UnknownPersonError
from counterpoint.serving.store.store import Store


def event(number: int) -> StoredEvent:
    return StoredEvent(number, f"e{number}", "said", float(number), 100.0, {"pole": "Now", "groups": [[1], [0, 2]]})


def test_events_come_back_as_they_went_in(store: Store, who: Principal) -> None:
    with store.begin(who) as tx:
        ann = tx.append(tx.lock("ann", create=True), [event(1), event(2)])
        ann = tx.append(ann, [event(3)])
    with store.begin(who) as tx:
        assert tx.find("ann") == ann
        assert tx.events(ann) == (event(1), event(2), event(3))
        assert tx.events(ann, after=2) == (event(3),)
        assert tx.events_called(ann, ["e2", "e9"]) == {"e2": event(2)}
        with pytest.raises(ValueError, match="must follow on 3"):
            tx.append(ann, [event(5)])


def test_a_request_that_fails_leaves_nothing(store: Store, who: Principal) -> None:
    def request() -> None:
        with store.begin(who) as tx:
            tx.append(tx.lock("ann", create=True), [event(1)])
            tx.note("something")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        request()
    with store.begin(who) as tx, pytest.raises(UnknownPersonError, match="begin with their first event"):
        tx.find("ann")


@pytest.mark.parametrize("table", [schema.events, schema.audit], ids=["events", "audit"])
@pytest.mark.parametrize("change", ["UPDATE {} SET tenant = 'rival'", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_what_was_written(
    store: Store, who: Principal, table: schema.Table, change: str
) -> None:
    with store.begin(who) as tx:
        tx.append(tx.lock("ann", create=True), [event(1)])
        tx.note("something")
    with pytest.raises(DBAPIError, match="append-only"), store.transaction() as connection:
        connection.exec_driver_sql(change.format(table.name))
    with store.begin(who) as tx:
        assert len(tx.events(tx.find("ann"))) == 1


def test_a_person_of_one_tenant_is_nobody_in_another(store: Store, who: Principal, rival: Principal) -> None:
    with store.begin(who) as tx:
        ann = tx.append(tx.lock("ann", create=True), [event(1)])
    with store.begin(rival) as tx:
        with pytest.raises(UnknownPersonError):
            tx.find("ann")
        assert tx.events(ann) == ()  # not even with the record of the other tenant's person in hand
        assert tx.rows(schema.events, ann) == []
        assert tx.remove(schema.beliefs, ann) == 0
        assert tx.count_people() == 0
    with store.begin(who) as tx:
        assert tx.count_people() == 1
    with pytest.raises(DBAPIError), store.begin(rival) as tx:
        tx.add(schema.requests, ann, [{"key": "k", "digest": "", "outcome": "{}", "at": 0.0}])


def test_internal_ids_say_nothing(store: Store, who: Principal) -> None:
    with store.begin(who) as tx:
        ids = {tx.lock(name, create=True).id for name in ("ann", "bob", "cy")}
    assert len(ids) == 3
    assert all(len(one) == schema.PERSON_ID and int(one, 16) >= 0 for one in ids)


def test_every_table_about_people_begins_its_key_with_the_tenant() -> None:
    for table in schema.metadata.sorted_tables:
        if "person" in table.c and table is not schema.prompt_log:  # that one has an index which does
            assert [column.name for column in table.primary_key.columns][:2] == ["tenant", "person"], table.name
    assert [c.name for c in next(iter(schema.prompt_log.indexes)).columns][:2] == ["tenant", "person"]


def test_a_database_without_tables_or_with_other_secrets_is_refused(store: Store, url: str, tmp_path: Path) -> None:
    assert store.is_sqlite == url.startswith("sqlite")
    with pytest.raises(StoreError, match="is not the secrets file"):
        Store.open(url, secrets=tmp_path / "others.secrets")
    store.ready()
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    with pytest.raises(StoreError, match=r"has no tables yet.*counterpoint db upgrade"):
        Store.open(empty)
    assert migrate.version(connect(empty)).found is None


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(BadInputError):
        Store.open(url)


def test_postgresql_needs_its_secrets_named() -> None:
    with pytest.raises(BadInputError, match="secrets file"):
        Store.open("postgresql://user:hidden@nowhere/x")


def test_an_unreachable_database_is_one_line_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(f"postgresql://user:hidden@/x?host={tmp_path}", secrets=tmp_path / "s")
    assert "does not answer" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_sqlite_keeps_a_write_ahead_log_and_overwrites_what_is_deleted(store: Store) -> None:
    if not store.is_sqlite:
        pytest.skip("PostgreSQL's own settings hold there")
    with store.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "secure_delete", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "secure_delete": 1, "foreign_keys": 1}


def test_people_are_paged_by_name_and_a_principal_sees_one_tenant(store: Store, who: Principal) -> None:
    with store.begin(who) as tx:
        for name in ("b", "a", "c"):
            tx.lock(name, create=True)
        assert [row.name for row in tx.people(after="a", limit=1)] == ["b"]
    with pytest.raises(DBAPIError), store.begin(replace(who, tenant="no such tenant")) as tx:
        tx.lock("a", create=True)
