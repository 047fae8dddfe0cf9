"""Where events wait their turn: one thread that writes, instead of one for every request.

Thirty threads that each hold Python's interpreter for a moment and then wait for the database spend as much time taking
turns as working. The desk's thread takes what has come meanwhile and does all of it in one transaction
(`store/together.py`): its people are locked in one round trip, and written, committed and synced in another. Where that
does not work out, each request goes its own way, in a thread of its own, and the desk goes on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from starlette.concurrency import run_in_threadpool

from counterpoint.serving.store.store import Store
from counterpoint.serving.store.together import Ahead, UndoneError

T = TypeVar("T")
MOST = 16
"""Requests in one transaction: the first of them waits for the last."""


class _Job(NamedTuple):
    """What to do, what it will ask, and whom to tell."""

    work: Callable[[], Any]
    ahead: Ahead
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


_Outcome = tuple[_Job, Any, BaseException | None]


class Desk:
    """Does work about one person each, in the order in which it came.

    What takes long for another reason (reading texts) would hold up everybody: it needs a thread of its own.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], T], ahead: Ahead) -> T:
        """What `work` returns or raises, once it is on disk. Whoever is cancelled before their turn never happened.

        Args:
            work: does its own transactions; done again if nothing of the first time was kept.
            ahead: whom it locks, and what it will ask.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="desk", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work, ahead, answer, loop))
        try:
            return await answer
        except UndoneError:
            return await run_in_threadpool(work)

    def close(self) -> None:
        """Finish what is waiting, and end."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            _tell(_done(self._store, [job, *self._more()]))

    def _more(self) -> Iterator[_Job]:
        """What else has come."""
        for _ in range(MOST - 1):
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is None:  # the end is for the next round
                self._jobs.put(None)
                return
            yield job


def _done(store: Store, jobs: list[_Job]) -> list[_Outcome]:
    """Jobs with what they returned or raised, all of it on disk."""
    jobs = sorted((job for job in jobs if not job.answer.cancelled()), key=lambda job: job.ahead[:2])
    if not jobs:
        return []
    try:
        with store.together([job.ahead for job in jobs]):
            return [_tried(job) for job in jobs]
    except BaseException as error:
        return [(job, None, error) for job in jobs]


def _tried(job: _Job) -> _Outcome:
    try:
        return job, job.work(), None
    except BaseException as error:
        return job, None, error


def _tell(found: list[_Outcome]) -> None:
    """Wake each event loop once."""
    for loop in {job.loop for job, _, _ in found}:
        own = [one for one in found if one[0].loop is loop]
        try:
            loop.call_soon_threadsafe(_settle, own)
        except RuntimeError:  # it is closed: nobody waits any more
            continue


def _settle(found: list[_Outcome]) -> None:
    for job, outcome, error in found:
        if job.answer.done():
            continue
        if error is None:
            job.answer.set_result(outcome)
        else:
            job.answer.set_exception(error)
