"""How often a key may ask: a token bucket a key, in this process.

Turner 1986, "New directions in communications": a bucket holds `burst` tokens at most and gains `rate` a second; a
request takes one. Replicas count apart: n of them allow n times as much.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

MOST_BUCKETS = 10_000
"""Keys remembered at once; the one not seen for longest is forgotten first, which can only be generous to it."""


class Verdict(NamedTuple):
    """Whether a request may pass, and what the headers say about it."""

    wait: float
    """Seconds until it would; 0: it may pass now."""
    remaining: int
    """Requests that may still be made at once."""
    reset: float
    """Seconds until the bucket is full again."""


class Rates:
    """Buckets by key. `rate` 0 lets everything pass."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> Verdict:
        """Count one request of `key` at `now`, seconds of a clock that never goes back."""
        if self.rate == 0:
            return Verdict(0.0, self.burst, 0.0)
        held, then = self._buckets.get(key, (float(self.burst), now))
        held = min(float(self.burst), held + (now - then) * self.rate)
        wait = 0.0 if held >= 1 else (1 - held) / self.rate
        if not wait:
            held -= 1
        self._buckets[key] = (held, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return Verdict(wait, int(held), (self.burst - held) / self.rate)
