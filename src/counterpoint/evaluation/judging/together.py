"""Many calls to one model from code that isn't asynchronous: answers kept, money capped, in the order of the jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from counterpoint.authoring.backend import LocalBackend, Speak
from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.llm import LLM, Client, Endpoint
from counterpoint.authoring.run import in_order

J = TypeVar("J")
R = TypeVar("R")


@dataclass
class Spent:
    """What calls have cost so far."""

    calls: int = 0
    """Answers paid for, in this process."""
    cached: int = 0
    """Answers had before, likewise."""
    dollars: float = 0.0
    """Over all runs with the same cache and name."""


def together(
    endpoint: Endpoint,
    jobs: Sequence[J],
    one: Callable[[J, Client], Awaitable[R]],
    *,
    cache: Path,
    run: str,
    max_cost: float | None = None,
    speak: Speak | None = None,
    spent: Spent | None = None,
) -> list[R]:
    """`one` of every job, as many at once as the endpoint takes.

    A client belongs to one event loop, so that every call of this function has its own; the cache is what lasts.

    Args:
        endpoint: what is asked.
        jobs: what is to be done, `[job]`.
        one: does one, given a client.
        cache: folder of answers.
        run: who pays; the cap is on what this name has spent with this cache.
        max_cost: the cap, US dollars; None for none.
        speak: a model in process in place of the endpoint.
        spent: told what it cost, also where it ends in an error.

    Raises:
        CapReachedError, EndpointDownError: nothing more can be asked; answers so far are kept.
    """
    spent = Spent() if spent is None else spent

    async def main() -> list[R]:
        with AnswerCache(cache, run=f"{run} {endpoint.name} {endpoint.model}") as answers:
            budget = Budget(max_cost, spent=answers.spent)
            backend = LocalBackend(speak) if speak else None
            async with LLM(endpoint, cache=answers, budget=budget, backend=backend) as client:
                try:
                    return await in_order(jobs, lambda job: one(job, client), parallel=endpoint.concurrency)
                finally:
                    spent.calls += budget.calls
                    spent.cached += budget.cached
                    spent.dollars = budget.spent

    try:
        return asyncio.run(main())
    except ExceptionGroup as group:  # several jobs end in the same error
        raise group.exceptions[0] from None
