"""`counterpoint db`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from counterpoint.cli.db import app
from counterpoint.errors import BadInputError
from counterpoint.serving.people import People
from counterpoint.serving.store import keys, schema
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.records import NewEvent, Principal, StoreError
from counterpoint.serving.store.store import Store
from counterpoint.types import ChoiceKind
from serving.conftest import DATA
from users.small import WordScorer


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with one person, made by the command."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    assert run("upgrade", "--store", url).output == "was at no version, is at 0001\n"
    store = Store.open(url)
    keys.create_tenant(store, "acme")
    people = People(store, Bank.open(store, DATA, WordScorer))
    people.record(Principal("acme", "k"), "ann", [NewEvent(ChoiceKind.SAID, pole="Later")])
    store.close()
    return url


def test_status_says_version_and_people(url: str, tmp_path: Path) -> None:
    told = json.loads(run("status", "--store", url).output)
    assert (told["version"], told["newest"], told["tenants"]) == ("0001", "0001", {"acme": {"people": 1}})
    assert len(told["receipts_signed_by"]) == 44
    empty = json.loads(run("status", "--store", f"sqlite:///{tmp_path / 'b.db'}").output)
    assert empty == {"version": None, "newest": "0001"}


def test_backup_and_restore(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "monday"
    assert "secrets file is not in it" in run("backup", str(copy), "--store", url).output
    with pytest.raises(BadInputError, match="exists"):
        run("backup", str(copy), "--store", url)
    assert run("restore", str(copy), "--store", url, "--yes").output == f"restored from {copy}\n"
    assert CliRunner().invoke(app, ["restore", str(copy), "--store", url], input="n\n").exit_code == 1
    assert run("scrub", "--store", url).output == "nothing deleted is left in the tables' files\n"


def test_rebuild_finds_a_belief_that_is_not_what_the_events_say(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoint.data.load", lambda *_, **__: DATA)
    monkeypatch.setattr("counterpoint.serving.opening.open_scorer", lambda *_: WordScorer())
    assert run("rebuild", "--check", "--store", url).exit_code == 0
    store = Store.open(url)
    with store.transaction() as connection:
        connection.execute(update(schema.beliefs).values(last_time=3.0))
    store.close()
    assert run("rebuild", "--check", "--store", url).exit_code == 1
    assert run("rebuild", "--store", url).output == "acme: 1 people, 1 beliefs were not what their events say\n"
    assert run("rebuild", "--check", "--store", url).exit_code == 0


def test_a_database_without_tables_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="counterpoint db upgrade"):
        run("scrub", "--store", f"sqlite:///{tmp_path / 'b.db'}")
