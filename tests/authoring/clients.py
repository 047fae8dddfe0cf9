"""Short ways to ask a scripted server in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import Call, Message
from counterpoint.authoring.llm import LLM, Endpoint

A = TypeVar("A")


def call(text: str = "Name a river.", **fields: Any) -> Call:
    """A call of one message."""
    return Call((Message("user", text),), **fields)


def asked(
    url: str, folder: Path, work: Callable[[LLM], Awaitable[A]], *, budget: Budget | None = None, **settings: Any
) -> A:
    """What `work` returns with a client of that URL whose answers are kept in `folder`."""

    async def main() -> A:
        with AnswerCache(folder) as cache:
            endpoint = Endpoint("scripted", url, label="scripted", **{"back_off": 0.01, **settings})
            async with LLM(endpoint, cache=cache, budget=budget or Budget()) as llm:
                return await work(llm)

    return asyncio.run(main())
