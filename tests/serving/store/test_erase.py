"""Erasure that is complete: nothing of the person is left in the database's own bytes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from counterpoint.serving.people import People
from counterpoint.serving.store import artefacts, erase, schema
from counterpoint.serving.store.records import ConflictError, NewEvent, Principal
from counterpoint.serving.store.vault import verify
from counterpoint.types import ChoiceKind as Kind
from serving.postgres import Cluster, binaries

MARKER = "Zanzibar-7731"


def everything_about(people: People, who: Principal, name: str, marker: str) -> None:
    """Leaves the marker in every kind of row there is, many times, among other people's rows."""
    for number in range(40):
        text = f"{marker} {number} would guard it. " + "so " * number * 20
        people.record(
            who,
            name,
            [NewEvent(Kind.LIKED, f"{marker}-{number}", texts=(text,), scene=marker)],
            key=f"{marker}.{number}",
        )
    people.log_prompt(who, name, {"messages": [{"role": "user", "content": f"I am {marker}"}]})
    people.correct(who, name, "Risk", 1.0)


def test_no_byte_of_them_is_left_in_files_or_dump(
    people: People, who: Principal, url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for number in range(30):  # before and after, so that their rows share pages with others' and move about
        everything_about(people, who, f"{MARKER} herself", MARKER) if number == 15 else people.record(
            who, f"other {number}", [NewEvent(Kind.LIKED, texts=(f"I leap {number} " * 50,)) for _ in range(5)]
        )
    assert MARKER.encode() in raw(people, tmp_path, request)
    people.delete(who, f"{MARKER} herself")
    left = raw(people, tmp_path, request)
    assert MARKER.encode() not in left
    assert b"I leap 29" in left
    assert MARKER not in dump(people, url)
    assert people.rebuild(who) == (29, 0)


def raw(people: People, tmp_path: Path, request: pytest.FixtureRequest) -> bytes:
    """What lies in the database's files, the write-ahead log of SQLite included."""
    if people.store.is_sqlite:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.data()


def dump(people: People, url: str) -> str:
    """All rows as text."""
    if people.store.is_sqlite:
        with people.store.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            return "\n".join(raw.iterdump())
    folder = binaries()
    assert folder is not None
    return subprocess.run(
        [str(folder / "pg_dump"), url], check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    ).stdout


def test_every_table_about_people_is_erased() -> None:
    about = {table for table in schema.metadata.sorted_tables if "person" in table.c}
    assert set(erase.OWN) == about


def test_a_receipt_lists_what_was_trained_on_them_and_names_nobody(people: People, who: Principal) -> None:
    for name in ("ann", "bob"):
        people.record(who, name, [NewEvent(Kind.SAID, pole="Now")])
    with people.store.begin(who) as tx:
        artefacts.register(tx, "adapter-v2", sha256="0" * 64, people=["ann", "bob"])
        artefacts.register(tx, "adapter-v1", sha256="1" * 64, people=["ann"])
        artefacts.register(tx, "prior-v1", sha256="2" * 64, people=["bob"])
    receipt = people.delete(who, "ann")
    assert receipt["artefacts"] == ["adapter-v1", "adapter-v2"]
    assert receipt["rows"]["artefact_people"] == 2
    assert "ann" not in str(receipt["subject"]) + str(receipt["id"])
    assert verify(receipt, public_key=people.store.vault.public_key)
    with people.store.begin(who) as tx:
        assert artefacts.trained_on(tx, tx.find("bob")) == ("adapter-v2", "prior-v1")


def test_a_large_database_is_rewritten_when_asked(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "AT_ONCE", 0)
    assert not erase.scrub(people.store)
    assert erase.scrub(people.store, full=True)


def test_an_artefact_s_name_is_never_used_again(people: People, who: Principal, rival: Principal) -> None:
    with people.store.begin(who) as tx:
        artefacts.register(tx, "adapter-v1", sha256="0" * 64, people=[])
        artefacts.retire(tx, "adapter-v1")
        with pytest.raises(ConflictError, match="used before"):
            artefacts.register(tx, "adapter-v1", sha256="1" * 64, people=[])
        assert [(one.name, one.retired == tx.now) for one in artefacts.listed(tx)] == [("adapter-v1", True)]
    with people.store.begin(rival) as tx:
        assert artefacts.listed(tx) == ()
