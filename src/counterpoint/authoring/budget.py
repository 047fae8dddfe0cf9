"""What a run has spent, and a cap it can't pass: the worst case of a call is set aside before it is sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from counterpoint.authoring.calls import CapReachedError, RunStoppedError


class Reservation:
    """Money set aside for one call in flight."""

    def __init__(self, amount: float) -> None:
        self.amount = amount
        """What the call may cost at most, US dollars."""
        self.paid = 0.0
        """What it did cost; set it when the answer is there."""


class Budget:
    """Money of one run, in US dollars, shared by its clients. It is also the gate that ends a run: see `stop`.

    Args:
        cap: never spent more than this; None for no cap.
        spent: what earlier, interrupted parts of the run have paid.
    """

    def __init__(self, cap: float | None = None, *, spent: float = 0.0) -> None:
        self.cap, self.spent = cap, spent
        self.reserved = 0.0
        """Set aside for calls in flight."""
        self.in_flight = 0
        """Calls in flight."""
        self.calls = self.cached = self.repeats = 0
        """Answers paid for, answers had from the cache, and calls sent again because no answer came."""
        self.tokens_in = self.tokens_out = 0
        """Tokens of the answers paid for, read and written."""
        self.ended = asyncio.Event()
        """Set by `stop`."""
        self._worst = 1.0
        self._stopped: RunStoppedError | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    def stop(self, error: RunStoppedError) -> None:
        """Let no further call be sent: each raises `error`. Those in flight are waited for and kept."""
        self._stopped = self._stopped or error
        self.ended.set()
        self._wake()

    def go_on(self) -> None:
        """Raise what the run was stopped with, if it was."""
        if self._stopped:
            raise self._stopped

    @asynccontextmanager
    async def reserve(self, worst: float) -> AsyncIterator[Reservation]:
        """Set money aside while a call is in flight; waits for others to come back where that can make room.

        Args:
            worst: what the call should cost at most. Where calls have cost more than theirs (an endpoint that counts
                more tokens than there are bytes, or writes more than asked), it is raised in proportion.

        Raises:
            CapReachedError: it doesn't fit in what is left, and nothing is in flight that could leave more.
            RunStoppedError: the run was stopped.
        """
        while True:
            self.go_on()
            amount = worst * self._worst
            if self.cap is None or self.spent + self.reserved + amount <= self.cap:
                break
            if not self.in_flight:
                left = f"${self.spent:.4f} spent, and the next call may cost ${amount:.4f}"
                raise CapReachedError(f"the cap of ${self.cap:g} is reached: {left}")
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        reservation = Reservation(amount)
        self.reserved += amount
        self.in_flight += 1
        try:
            yield reservation
        finally:
            self.reserved -= amount
            self.in_flight -= 1
            self.spent += reservation.paid
            if worst > 0:
                self._worst = max(self._worst, reservation.paid / worst)
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
