"""Clients of one `evaluate --suite aloe`: one cache of answers in the run's folder, one budget, one event loop."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from counterpoint.authoring.backend import LocalBackend
from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import RunStoppedError, Sampling
from counterpoint.authoring.llm import LLM, Endpoint, url_and_model
from counterpoint.cli.aloe_models import LOCAL, fingerprint
from counterpoint.errors import BadInputError
from counterpoint.evaluation.aloe.players import ChatModel
from counterpoint.evaluation.aloe.talks import Model
from counterpoint.evaluation.suites.aloe import AloeConfig

T = TypeVar("T")

STOPPED = "interrupted; the same command goes on from here"

TOGETHER = 64
"""Replies generated together in this process."""


class Clients:
    """A context in which models can be asked; what they answer is kept in `out/answers` and paid for once.

    The first Ctrl-C or SIGTERM sends nothing more and keeps what is in flight (`run`, `uninterrupted`); the second
    breaks.
    """

    def __init__(self, out: Path, config: AloeConfig) -> None:
        self.config = config
        self.cache = AnswerCache(out / "answers", run="evaluate")
        self.budget = Budget(config.max_cost, spent=self.cache.spent)
        self.interrupted = False
        """Whether a signal has asked to stop."""
        self._runner = asyncio.Runner()
        self._open: dict[str, LLM] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._open.values():
            self._runner.run(client.__aexit__())
        self._runner.close()
        self.cache.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns, in the loop that all clients live in."""
        with self._signals(self._stop):
            return self._runner.run(work)

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Within it a signal waits for the end of the context: what is asked there comes home first.

        Raises:
            RunStoppedError: at the end, where a signal came.
        """
        with self._signals(self._note):
            yield
        if self.interrupted:
            raise RunStoppedError(STOPPED)

    def client(self, who: str, setting: str) -> LLM:
        """A client of URL#MODEL or `lm:...`; the same one for the same name.

        Raises:
            BadInputError: it is neither; `setting` says where it was named.
        """
        if who not in self._open:
            self._open[who] = self._new(who, setting)
        return self._open[who]

    @asynccontextmanager
    async def model(self, who: str) -> AsyncIterator[Model]:
        """The model that is tested, in memory only so long."""
        client = self._new(who, "--model")
        try:
            yield ChatModel(client, Sampling(self.config.temperature, max_tokens=self.config.max_tokens))
        finally:
            await client.__aexit__()

    def _new(self, who: str, setting: str) -> LLM:
        c = self.config
        if who.startswith(LOCAL):
            from counterpoint.models.lm_calls import speaker

            # an answer belongs to these weights, wherever they lie
            endpoint = Endpoint(who, label=f"in process {fingerprint(who)[:16]}", price_in=0, price_out=0,
                                concurrency=2 * c.concurrency)  # fmt: skip
            backend = LocalBackend(speaker(who), batch=TOGETHER)
            return LLM(endpoint, cache=self.cache, budget=self.budget, backend=backend)
        if (named := url_and_model(who)) is None:
            raise BadInputError(f"{setting} {who!r}: expected lm:... for a model in this process, or URL#MODEL")
        url, model = named
        endpoint = Endpoint(
            model,
            url,
            api_key_env=c.api_key_env,
            price_in=c.price_in,
            price_out=c.price_out,
            concurrency=c.concurrency,
            timeout=c.timeout,
        )
        return LLM(endpoint, cache=self.cache, budget=self.budget)

    def _stop(self) -> None:
        self._note()
        self._runner.get_loop().call_soon_threadsafe(self.budget.stop, RunStoppedError(STOPPED))

    def _note(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        print("stopping: waiting for calls in flight, which are paid for", file=sys.stderr)

    @contextmanager
    def _signals(self, heard: Callable[[], None]) -> Iterator[None]:
        """Within it Ctrl-C and SIGTERM call `heard`."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, lambda *_: heard()) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
