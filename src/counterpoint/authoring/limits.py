"""How fast an endpoint may be asked: requests and tokens a minute, evenly spaced, and pauses that it asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

MINUTE = 60.0


class RateLimit:
    """Spaces calls so that neither limit is passed in any minute.

    Each limit is a virtual schedule (the generic cell rate algorithm of ATM Forum TM 4.0 with no burst): a call moves
    the time of the next one by its own share of a minute.

    Args:
        requests_per_minute: None for no limit.
        tokens_per_minute: likewise; a call counts with what it may take at most.
        clock: seconds; replaced in tests.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._request = MINUTE / requests_per_minute if requests_per_minute else 0.0
        self._token = MINUTE / tokens_per_minute if tokens_per_minute else 0.0
        self._next = 0.0
        self._paused = 0.0

    def pause(self, seconds: float) -> None:
        """Let nothing be sent for so long: the endpoint asked for it."""
        self._paused = max(self._paused, self._clock() + seconds)

    def turn(self, tokens: int) -> float:
        """Take the next turn for a call of so many tokens; returns seconds to wait for it."""
        now = self._clock()
        start = max(now, self._next)
        self._next = start + max(self._request, self._token * tokens)
        return start - now

    async def wait(self, tokens: int) -> None:
        """Wait for a turn, and until no pause is on."""
        if self._request or self._token:
            await self._sleep(self.turn(tokens))
        while (left := self._paused - self._clock()) > 0:
            await self._sleep(left)
