"""Copies, and back: nobody who was deleted comes back with them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from counterpoint.errors import BadInputError
from counterpoint.serving.people import People
from counterpoint.serving.store.backup import backup, restore
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.records import NewEvent, PersonDeletedError, Principal, UnknownPersonError
from counterpoint.serving.store.store import Store
from counterpoint.types import ChoiceKind as Kind
from serving.conftest import DATA
from users.small import WordScorer


def test_a_copy_brings_back_the_same_beliefs_and_nobody_deleted_since(
    people: People, who: Principal, url: str, tmp_path: Path
) -> None:
    secrets = tmp_path / "store.db.secrets"
    for name in ("ann", "bob"):
        people.record(who, name, [NewEvent(Kind.SAID, "e", 5.0, pole="Later"), NewEvent(Kind.LIKED, texts=("guard",))])
    before = people.preferences(who, "bob").belief.pack()
    backup(people.store.engine, tmp_path / "copy")
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    people.record(who, "cy", [NewEvent(Kind.SAID, pole="Now")])
    receipt = people.delete(who, "ann")
    people.store.close()
    assert restore(url, tmp_path / "copy", secrets=secrets) == 1
    store = Store.open(url, secrets=secrets, clock=people.store.clock)
    again = People(store, Bank.open(store, DATA, WordScorer))
    assert again.preferences(who, "bob").belief.pack() == before
    assert again.rebuild(who) == (1, 0)
    with pytest.raises(UnknownPersonError):
        again.preferences(who, "cy")
    with pytest.raises(PersonDeletedError):
        again.record(who, "ann", [NewEvent(Kind.SAID, pole="Now")])
    assert again.delete(who, "ann")["subject"] == receipt["subject"]
    store.close()


def test_a_copy_restores_where_nothing_was(people: People, who: Principal, tmp_path: Path) -> None:
    if not people.store.is_sqlite:
        pytest.skip("a PostgreSQL database has to be made first")
    people.record(who, "bob", [NewEvent(Kind.SAID, pole="Later")])
    backup(people.store.engine, tmp_path / "copy")
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    assert restore(url, tmp_path / "copy", secrets=tmp_path / "store.db.secrets") == 0
    store = Store.open(url, secrets=tmp_path / "store.db.secrets")
    with store.begin(who) as tx:
        assert [row.name for row in tx.people()] == ["bob"]
    store.close()


def test_files_are_neither_overwritten_nor_taken_for_copies(people: People, url: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    with pytest.raises(BadInputError, match="exists"):
        backup(people.store.engine, other)
    for copy in (other, tmp_path / "nowhere"):
        with pytest.raises(BadInputError):
            restore(url, copy, secrets=tmp_path / "store.db.secrets")
    assert other.read_text() == "mine"
    people.store.ready()
