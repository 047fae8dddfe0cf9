"""Requests that share a transaction: each as if alone, all kept or none."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from counterpoint.serving.people import People
from counterpoint.serving.store import schema
from counterpoint.serving.store.records import (
    ConflictError,
    NewEvent,
    PersonDeletedError,
    Principal,
    StoredEvent,
    StoreError,
)
from counterpoint.serving.store.statements import Statements
from counterpoint.serving.store.store import Store
from counterpoint.serving.store.together import Ahead, UndoneError
from counterpoint.types import ChoiceKind as Kind


def chose(name: str, option: int = 0) -> NewEvent:
    return NewEvent(Kind.CHOSE, name, dilemma="d1", groups=((option,),))


def count(people: People, who: Principal, name: str) -> int:
    return len(people.export(who, name)["events"])


def test_several_requests_about_one_person_see_each_other(people: People, who: Principal) -> None:
    ahead = [Ahead("acme", "ann", f"k{number}", (f"e{number}",)) for number in range(3)]
    with people.store.together(ahead):
        for number in range(3):
            people.record(who, "ann", [chose(f"e{number}")], key=f"k{number}")
        assert people.record(who, "ann", [chose("e1")]).repeated == 1
        assert people.record(who, "ann", [chose("e2")], key="k2").repeated == 1
    assert [event["sequence"] for event in people.export(who, "ann")["events"]] == [1, 2, 3]
    assert people.rebuild(who) == (1, 0)


def test_what_is_refused_takes_nothing_of_the_others_back(people: People, who: Principal) -> None:
    def changes_its_mind() -> None:
        with people.store.begin(who) as tx:
            tx.append(tx.lock("ann"), [StoredEvent(2, "e2", "said", 1.0, 1.0, {"pole": "Now"})])
            raise KeyError

    people.record(who, "ann", [chose("e1")])
    people.record(who, "gone", [chose("e1")])
    people.delete(who, "gone")
    with people.store.together([Ahead("acme", "ann"), Ahead("acme", "bob"), Ahead("acme", "gone")]):
        people.record(who, "bob", [chose("e1")])
        with pytest.raises(ConflictError):
            people.record(who, "ann", [chose("e2"), chose("e1", 1)])
        with pytest.raises(PersonDeletedError):
            people.record(who, "gone", [chose("e2")])
        with pytest.raises(KeyError):
            changes_its_mind()
        people.record(who, "ann", [chose("e3")])
    assert count(people, who, "bob") == 1
    assert [event["id"] for event in people.export(who, "ann")["events"]] == ["e1", "e3"]
    assert people.rebuild(who) == (2, 0)


def test_a_request_that_fails_when_some_of_it_was_sent_undoes_all(people: People, store: Store, who: Principal) -> None:
    def half_done() -> None:
        with store.begin(who) as tx:
            tx.lock("bob", create=True)
            raise KeyError

    with pytest.raises(UndoneError), store.together([Ahead("acme", "ann")]):  # noqa: PT012
        people.record(who, "ann", [chose("e1")])
        with pytest.raises(KeyError):
            half_done()
    with store.begin(who) as tx:
        assert tx.count_people() == 0


def test_what_the_database_refuses_is_undone_and_what_it_does_not_answer_is_not_known(
    people: People, store: Store, who: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice() -> None:
        with store.begin(who) as tx:
            ann = tx.lock("ann", create=True)
            row = {"sequence": 1, "id": "e1", "kind": "said", "happened_at": 1.0, "learned_at": 1.0, "payload": "{}"}
            tx.add(schema.events, ann, [row, row])

    with pytest.raises(UndoneError), store.together([]):
        twice()

    def gone(_: Any) -> None:
        raise OperationalError("COMMIT", None, Exception("connection lost"))

    monkeypatch.setattr(Statements, "commit", gone)
    with pytest.raises(StoreError, match="connection lost"), store.together([]):
        people.record(who, "ann", [chose("e1")])


def test_nobody_waits_for_somebody_whom_another_has_locked(store: Store, who: Principal) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite has one writer")
    with store.begin(who) as tx:
        tx.lock("ann", create=True)
    with store.engine.begin() as other:
        other.execute(schema.people.select().with_for_update()).all()
        with pytest.raises(UndoneError), store.together([Ahead("acme", "ann")]):
            raise AssertionError("is not reached")
