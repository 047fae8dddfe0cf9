"""Figures of one process, for Prometheus and for the operator's page. No person, tenant or key is a label.

With `PROMETHEUS_MULTIPROC_DIR` set (as `counterpoint serve --workers` does) the figures of all worker processes are
added up by whichever of them is asked.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the latency histogram's buckets."""
RECENT = 300.0
"""Seconds that the operator's page looks back."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Load:
    """What this process did in the last `RECENT` seconds."""

    requests: int
    """Answered, health checks aside; at most the 4,096 latest are counted."""
    errors: int
    """Of these with status 500 and above."""
    median: float | None
    """Seconds to answer; None without requests."""
    p99: float | None
    """Seconds that 99% were answered within; None without requests."""
    under_way: int
    """Being answered now."""


class Metrics:
    """Counts what happens. Its methods are the only writers."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("counterpoint_requests", "Answers", ["method", "route", "status"], registry=registry)
        self._seconds = Histogram(
            "counterpoint_request_seconds", "Seconds to answer", ["route"], buckets=SECONDS, registry=registry
        )
        self._under_way = Gauge(
            "counterpoint_requests_under_way", "Requests now", registry=registry, multiprocess_mode="livesum"
        )
        self._events = Counter("counterpoint_events", "Events taken in", ["outcome"], registry=registry)
        self._replies = Counter("counterpoint_replies", "Replies written", ["method", "finish"], registry=registry)
        self._tokens = Counter("counterpoint_tokens", "Tokens read and written", ["direction"], registry=registry)
        self._first = Histogram(
            "counterpoint_first_token_seconds", "Seconds to a reply's first text", buckets=SECONDS, registry=registry
        )
        self._waiting = Gauge(
            "counterpoint_replies_waiting", "Replies that wait for the model", registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._refused = Counter("counterpoint_refused", "Requests refused at the doors", ["why"], registry=registry)
        self._latest: deque[tuple[float, float, int]] = deque(maxlen=4096)
        self._now = 0

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """A request, from its beginning to its end."""
        self._under_way.inc()
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1
            self._under_way.dec()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its answer. `route` is a template, so that labels stay few."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if route not in ("/healthz", "/readyz", "/metrics"):
            self._latest.append((time.monotonic(), seconds, status))

    def recorded(self, *, added: int, repeated: int) -> None:
        """Events were taken in, or were there already."""
        self._events.labels("added").inc(added)
        self._events.labels("repeated").inc(repeated)

    def replied(self, method: str, finish: str, *, read: int, written: int) -> None:
        """A reply has ended; tokens as far as they are known."""
        self._replies.labels(method, finish).inc()
        self._tokens.labels("read").inc(read)
        self._tokens.labels("written").inc(written)

    def first_text(self, seconds: float) -> None:
        """A reply's first text came after so many seconds."""
        self._first.observe(seconds)

    def waiting(self, replies: int) -> None:
        """So many replies wait for the model now."""
        self._waiting.set(replies)

    def refused(self, why: str) -> None:
        """A request was turned away; `why` is one of a few words."""
        self._refused.labels(why).inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        if os.environ.get(MULTIPROCESS):
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
            return generate_latest(together)
        return generate_latest(self.registry)

    def load(self) -> Load:
        """For the operator's page."""
        since = time.monotonic() - RECENT
        recent = [(seconds, status) for at, seconds, status in list(self._latest) if at >= since]
        ordered = sorted(seconds for seconds, _ in recent)
        errors = sum(status >= 500 for _, status in recent)
        if not ordered:
            return Load(0, 0, None, None, self._now)
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        return Load(len(ordered), errors, ordered[len(ordered) // 2], p99, self._now)
