"""Where writes wait their turn: a few threads for the database, instead of one for every request.

Thirty threads that each hold Python's interpreter for a moment and then wait for the database spend as much time taking
turns as working. SQLite has one writer, so one thread is as good: it takes what has come meanwhile, a transaction each,
has all of it synced at once (`store/journal.py`) and then answers. PostgreSQL has a thread for each of few connections.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from counterpoint.serving.store.store import Store

T = TypeVar("T")
MOST = 16
"""Transactions that are synced at once: the first of them waits for the last."""
CONNECTIONS = 4
"""Threads with PostgreSQL."""


class _Job(NamedTuple):
    """What to do, and whom to tell."""

    work: Callable[[], Any]
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Desk:
    """Does work that is a transaction or a few, in the order in which it came.

    What takes long for another reason (reading texts) would hold up everybody: it needs a thread of its own.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._most, self._count = (MOST, 1) if store.is_sqlite else (1, CONNECTIONS)
        self._threads: list[threading.Thread] = []

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, once it is on disk. Whoever is cancelled before their turn never happened."""
        if not self._threads:
            self._start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work, answer, loop))
        return await answer

    def close(self) -> None:
        """Finish what is waiting, and end."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        for number in range(self._count):
            self._threads.append(threading.Thread(target=self._serve, name=f"desk {number}", daemon=True))
            self._threads[-1].start()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            while len(jobs) < self._most:
                try:
                    more = self._jobs.get_nowait()
                except Empty:
                    break
                if more is None:
                    self._jobs.put(None)
                    break
                jobs.append(more)
            _tell(_done(self._store, jobs))


def _done(store: Store, jobs: list[_Job]) -> list[tuple[_Job, Any, BaseException | None]]:
    """Jobs with what they returned or raised; where the disk fails, all of them fail."""
    found: list[tuple[_Job, Any, BaseException | None]] = []
    try:
        with store.at_once():
            for job in jobs:
                if not job.answer.cancelled():
                    found.append(_tried(job))
    except BaseException as error:
        return [(job, None, error) for job in jobs]
    return found


def _tried(job: _Job) -> tuple[_Job, Any, BaseException | None]:
    try:
        return job, job.work(), None
    except BaseException as error:
        return job, None, error


def _tell(found: list[tuple[_Job, Any, BaseException | None]]) -> None:
    """Wake each event loop once."""
    for loop in {job.loop for job, _, _ in found}:
        own = [one for one in found if one[0].loop is loop]
        try:
            loop.call_soon_threadsafe(_settle, own)
        except RuntimeError:  # it is closed: nobody waits any more
            continue


def _settle(found: list[tuple[_Job, Any, BaseException | None]]) -> None:
    for job, outcome, error in found:
        if job.answer.done():
            continue
        if error is None:
            job.answer.set_result(outcome)
        else:
            job.answer.set_exception(error)
