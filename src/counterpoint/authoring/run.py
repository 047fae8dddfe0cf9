"""A run that makes rows: planned slot by slot, written in parallel, decided in order, resumable at any moment.

    async def write(slot: int, attempt: int) -> Draft: ...      # asks models; raises RejectedError or CallFailedError
    def settle(draft: Draft) -> Draft: ...                      # against all kept before; raises RejectedError

    with Journal(out.with_name(out.name + ".run"), identity=[...]) as journal:
        outcome = await run(100, write, settle, journal=journal, attempts=3, parallel=64)

The order of decisions is fixed: the first attempts by slot, then the second attempts, and so on. It doesn't depend on
which answer came first, so equal answers give equal rows, however often a run was killed. An attempt that its writer
rejects is followed by the next at once, without waiting for its turn to be counted. What was written stands in the
journal and is not written again.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from counterpoint.authoring.calls import Answer, CallFailedError, RunStoppedError
from counterpoint.authoring.journal import Draft, Journal, RejectedError

__all__ = ["Draft", "Journal", "Outcome", "RejectedError", "Rejection", "Tally", "in_order", "run"]

Write = Callable[[int, int], Awaitable[Draft]]
Settle = Callable[[Draft], Draft]
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Rejection:
    """One rejected attempt, as counted and recorded."""

    slot: int
    """Which planned row."""
    attempt: int
    """0 for the first."""
    reason: str
    """Short phrase to count by."""
    detail: str
    """What exactly was wrong."""
    answers: tuple[Answer, ...]
    """What it cost."""


@dataclass(frozen=True)
class Outcome:
    """What a run has come to."""

    rows: tuple[tuple[int, int, Draft], ...]
    """Slot, attempt and settled draft, by slot."""
    rejections: tuple[Rejection, ...]
    """In the order of decisions."""
    unfilled: tuple[int, ...]
    """Slots without a row: all attempts rejected, or the run stopped."""
    stopped: str
    """Why the run ended before its end (the cap, the endpoint); empty if it didn't."""

    @property
    def complete(self) -> bool:
        """Whether every slot has its row."""
        return not self.unfilled


@dataclass(frozen=True)
class Tally:
    """How far a run is."""

    slots: int
    """Rows planned."""
    kept: int
    """Rows kept."""
    rejected: Mapping[str, int]
    """Rejected attempts by reason."""


async def run(
    slots: int,
    write: Write,
    settle: Settle,
    *,
    journal: Journal,
    attempts: int = 3,
    parallel: int = 64,
    report: Callable[[Tally], None] | None = None,
) -> Outcome:
    """Fill `slots` rows.

    Args:
        slots: rows wanted.
        write: writes one attempt at one slot; must depend on nothing else. `RejectedError` and `CallFailedError` are
            recorded and the slot is tried again; `RunStoppedError` ends the run.
        settle: decides on a draft in the fixed order, given what it kept before; may change it; raises `RejectedError`.
            Called in a thread, one draft at a time, and again for everything in a resumed run: it must be
            deterministic.
        journal: where drafts and rejections are kept.
        attempts: at most so many a slot.
        parallel: attempts being written at once.
        report: told after each decision.
    """
    decisions = _Decisions(slots, settle, report or (lambda _: None))
    working = _Seats(parallel)
    tasks: dict[tuple[int, int], asyncio.Task[Draft]] = {}

    def begin(slot: int, attempt: int) -> None:
        if attempt < attempts and (slot, attempt) not in tasks:
            task = asyncio.create_task(_written(write, slot, attempt, journal, working))
            tasks[slot, attempt] = task
            task.add_done_callback(lambda done: begin(slot, attempt + 1) if _rejected(done) else None)

    stopped, places = "", list(range(slots))
    try:
        for slot in places:  # all at once: the seats let them in, in this order
            begin(slot, 0)
        for attempt in range(attempts):
            again = []
            for slot in places:
                try:
                    draft = await tasks[slot, attempt]
                    kept = await decisions.decide(slot, attempt, draft)
                except RejectedError as error:
                    kept = decisions.reject(slot, attempt, error, ())
                except RunStoppedError as error:  # the others end by themselves: what they have in flight is paid for
                    stopped = stopped or str(error)
                    continue
                if not kept:
                    begin(slot, attempt + 1)
                    again.append(slot)
            places = again
            if stopped:
                break
    finally:
        await _end(tasks.values(), wait=bool(stopped))
    return decisions.outcome(stopped)


async def in_order(items: Sequence[A], work: Callable[[A], Awaitable[B]], *, parallel: int) -> list[B]:
    """Results of `work` in the order of `items`, at most `parallel` at once; the first error cancels the others."""
    working = asyncio.Semaphore(parallel)

    async def one(item: A) -> B:
        async with working:
            return await work(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


class _Seats:
    """Attempts at work. Later attempts are let in first: of all that wait they have the longest way to go, and left to
    the last they would be at work alone."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def seat(self, slot: int, attempt: int) -> AsyncIterator[None]:
        """A seat for one attempt. Only a whole run is ever cancelled: no seat is missed that gets lost in it."""
        if self._free:
            self._free -= 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (-attempt, slot, turn))
            await turn
        try:
            yield
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


async def _written(write: Write, slot: int, attempt: int, journal: Journal, working: _Seats) -> Draft:
    """What stands in the journal for this attempt, or what is written now.

    A call that got no answer is a rejection in this run but is not journalled: a resumed run asks again.
    """
    found = journal.get(slot, attempt)
    if found is None:
        async with working.seat(slot, attempt):
            try:
                found = await write(slot, attempt)
            except RejectedError as error:
                found = error
            except CallFailedError as error:
                found = RejectedError(error.reason, error.detail, error.answers)
        if not (isinstance(found, RejectedError) and found.reason == "unavailable"):
            await journal.put(slot, attempt, found)
    if isinstance(found, RejectedError):
        raise found
    return found


def _rejected(task: asyncio.Task[Draft]) -> bool:
    return not task.cancelled() and isinstance(task.exception(), RejectedError)


async def _end(tasks: Iterable[asyncio.Task[Draft]], *, wait: bool) -> None:
    """Leave no task behind: let them end by themselves, or cancel them."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        if not wait:
            task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class _Decisions:
    """Rows kept and attempts rejected so far."""

    def __init__(self, slots: int, settle: Settle, report: Callable[[Tally], None]) -> None:
        self._slots, self._settle, self._report = slots, settle, report
        self._rows: dict[int, tuple[int, Draft]] = {}
        self._rejections: list[Rejection] = []
        self._reasons: Counter[str] = Counter()

    async def decide(self, slot: int, attempt: int, written: Draft) -> bool:
        """Keep a draft or reject it; whether it is kept. It may take long: calls go on meanwhile."""
        try:
            self._rows[slot] = (attempt, await asyncio.to_thread(self._settle, written))
        except RejectedError as error:
            return self.reject(slot, attempt, error, written.answers)
        self._tell()
        return True

    def reject(self, slot: int, attempt: int, error: RejectedError, answers: tuple[Answer, ...]) -> bool:
        """Count a rejection; False."""
        self._rejections.append(Rejection(slot, attempt, error.reason, error.detail, error.answers or answers))
        self._reasons[error.reason] += 1
        self._tell()
        return False

    def outcome(self, stopped: str) -> Outcome:
        """What it has come to."""
        rows = tuple((slot, *self._rows[slot]) for slot in sorted(self._rows))
        unfilled = tuple(slot for slot in range(self._slots) if slot not in self._rows)
        return Outcome(rows, tuple(self._rejections), unfilled, stopped)

    def _tell(self) -> None:
        self._report(Tally(self._slots, len(self._rows), dict(self._reasons)))
