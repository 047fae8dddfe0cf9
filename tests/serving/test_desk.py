"""Writes wait in order, fail alone, and are told of when they are on disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from counterpoint.serving.desk import MOST, Desk
from counterpoint.serving.store import journal, schema
from counterpoint.serving.store.records import Principal, StoreError
from counterpoint.serving.store.store import Store
from counterpoint.serving.store.together import Ahead

SOME = Ahead("acme", "somebody")


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    """Over either database."""
    desk = Desk(store)
    yield desk
    desk.close()


def add(store: Store, who: Principal, name: str) -> str:
    """A person more."""
    with store.begin(who) as tx:
        return tx.lock(name, create=True).name


def test_each_gets_its_own_answer_or_error(desk: Desk, store: Store, who: Principal) -> None:
    def work(number: int) -> str:
        if number % 3 == 0:
            raise KeyError(number)
        return add(store, who, f"p{number}")

    async def all_of_them() -> list[str | BaseException]:
        return await asyncio.gather(
            *(desk.run(partial(work, n), Ahead("acme", f"p{n}")) for n in range(20)), return_exceptions=True
        )

    for number, answer in enumerate(asyncio.run(all_of_them())):
        if number % 3 == 0:
            assert isinstance(answer, KeyError)
            assert answer.args == (number,)
        else:
            assert answer == f"p{number}"
    with store.begin(who) as tx:
        assert tx.count_people() == 13


def test_many_are_synced_at_once_and_told_of_afterwards(
    desk: Desk, store: Store, who: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store.is_sqlite:
        pytest.skip("PostgreSQL syncs by itself")
    done, at_syncs, begun = list[int](), list[int](), threading.Event()
    monkeypatch.setattr(journal, "_sync", lambda _: at_syncs.append(len(done)))

    def work(number: int) -> None:
        begun.wait(10)  # until all of them are waiting
        add(store, who, f"p{number}")
        done.append(number)

    async def all_of_them() -> None:
        waiting = [asyncio.create_task(desk.run(partial(work, n), SOME)) for n in range(1 + MOST + 3)]
        await asyncio.sleep(0.1)
        begun.set()
        for number, task in enumerate(waiting):
            await task
            assert max(at_syncs) > number

    asyncio.run(all_of_them())
    assert done == list(range(1 + MOST + 3))
    assert len(at_syncs) <= 3


def test_a_disk_that_fails_fails_everybody(
    desk: Desk, store: Store, who: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store.is_sqlite:
        pytest.skip("PostgreSQL syncs by itself")

    def fail(_: int) -> None:
        raise OSError("broken")

    monkeypatch.setattr(journal, "_sync", fail)
    with pytest.raises(StoreError, match="broken"):
        asyncio.run(desk.run(lambda: add(store, who, "ann"), Ahead("acme", "ann")))


def test_a_person_whom_another_holds_holds_up_nobody_else(desk: Desk, store: Store, who: Principal) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite has one writer")
    add(store, who, "ann")

    async def scene() -> None:
        with store.engine.connect() as other:
            other.execute(schema.people.select().with_for_update()).all()
            held = asyncio.create_task(desk.run(lambda: add(store, who, "ann"), Ahead("acme", "ann")))
            await asyncio.sleep(0)
            for name in ("bob", "cleo"):
                assert await asyncio.wait_for(desk.run(partial(add, store, who, name), Ahead("acme", name)), 10) == name
            assert not held.done()
        assert await held == "ann"

    asyncio.run(scene())


def test_who_is_cancelled_before_their_turn_never_happened(desk: Desk) -> None:
    happened, free = list[str](), threading.Event()

    def block() -> None:
        free.wait(10)

    async def scene() -> None:
        first = asyncio.create_task(desk.run(block, SOME))
        await asyncio.sleep(0.1)
        gone = asyncio.create_task(desk.run(lambda: happened.append("gone"), SOME))
        stays = asyncio.create_task(desk.run(lambda: happened.append("stays"), SOME))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        free.set()
        await asyncio.gather(first, stays)

    asyncio.run(scene())
    assert happened == ["stays"]


def test_closing_finishes_what_waits(store: Store) -> None:
    desk, done = Desk(store), list[int]()

    async def leave() -> None:
        waiting = [asyncio.create_task(desk.run(partial(done.append, n), SOME)) for n in range(30)]
        await asyncio.sleep(0)
        desk.close()
        await asyncio.gather(*waiting)

    asyncio.run(leave())
    assert sorted(done) == list(range(30))
