"""A judge that is a language model: any OpenAI-compatible endpoint, or a model in this process.

    judge = ModelJudge(Endpoint("gpt-4.1-mini", "https://api.openai.com/v1"), cache=Path("verdicts"), max_cost=2.0)

It asks through `authoring.llm`, the one client: an answer is kept under the hash of messages (rubric and texts), model,
sampling and repeat before it is used, is asked for in a form and mended once, and costs no more than the cap over all
runs that share the cache under this name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from counterpoint.authoring.backend import Speak
from counterpoint.authoring.calls import Call, CallFailedError, Message, Sampling
from counterpoint.authoring.llm import Client, Endpoint
from counterpoint.evaluation.judge import (
    Choice,
    JudgeItem,
    PairItem,
    Preference,
    Rubric,
    Verdict,
    both_orders,
    check_items,
)
from counterpoint.evaluation.judging.asking import Compared, form_of, to_compare, to_grade
from counterpoint.evaluation.judging.together import Spent, together

SAMPLING = Sampling(temperature=0.7, max_tokens=512)
"""Warm, so that repeats differ: what a judge says at temperature 0 hides how little it is sure of."""

T = TypeVar("T")
R = TypeVar("R")


class ModelJudge:
    """Grades by asking a model.

    Args:
        endpoint: what is asked; a model in process where it has no URL.
        cache: folder where answers are kept.
        max_cost: US dollars, over all runs with this cache; None: no cap.
        sampling: how verdicts are drawn.
        speak: loads what answers calls in place of the endpoint: a model in process.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        cache: Path,
        max_cost: float | None = None,
        sampling: Sampling = SAMPLING,
        speak: Callable[[], Speak] | None = None,
    ) -> None:
        self.endpoint, self.cache, self.max_cost, self.sampling = endpoint, cache, max_cost, sampling
        self.spent = Spent()
        self._load = speak
        self._speak: Speak | None = None

    @property
    def name(self) -> str:
        """The model's."""
        return self.endpoint.model

    def grade(self, rubric: Rubric, items: Sequence[JudgeItem], *, repeats: int = 1) -> list[Verdict]:
        """See `Judge.grade`.

        Raises:
            CapReachedError, EndpointDownError: nothing more can be asked; verdicts so far are kept in the cache.
        """
        check_items(rubric, items, repeats)

        async def one(job: tuple[JudgeItem, int], client: Client) -> Verdict:
            item, repeat = job
            known: dict[str, Any] = {"item": item, "rubric": rubric.reference, "judge": self.name, "repeat": repeat}
            try:
                found = await self._ask(client, to_grade(rubric, item), form_of(rubric), rubric, repeat)
            except CallFailedError as error:
                return Verdict(score=None, error=str(error), **known)
            scores = {criterion.name: float(getattr(found, criterion.name)) for criterion in rubric.criteria}
            reason: str = getattr(found, "reason", "")
            return Verdict(score=sum(scores.values()) / len(scores), scores=scores, reason=reason, **known)

        return self._all([(item, repeat) for item in items for repeat in range(repeats)], one)

    def compare(self, rubric: Rubric, items: Sequence[PairItem], *, repeats: int = 1) -> list[Preference]:
        """See `Judge.compare`; raises as `grade`."""
        check_items(rubric, items, repeats)

        async def one(job: tuple[PairItem, int], client: Client) -> Preference:
            item, repeat = job
            known: dict[str, Any] = {"item": item, "rubric": rubric.reference, "judge": self.name, "repeat": repeat}
            try:
                orders = [
                    await self._ask(client, to_compare(rubric, item, turned=turned), Compared, rubric, repeat)
                    for turned in (False, True)
                ]
            except CallFailedError as error:
                return Preference(choice=None, error=str(error), **known)
            choice, flipped = both_orders(_named(orders[0].better, turned=False), _named(orders[1].better, turned=True))
            reasons = tuple(order.reason for order in orders)
            return Preference(choice=choice, flipped=flipped, reasons=reasons, **known)

        return self._all([(item, repeat) for item in items for repeat in range(repeats)], one)

    def describe(self) -> dict[str, Any]:
        """Model, endpoint, sampling and cost."""
        return {
            "kind": "language model",
            "name": self.name,
            "endpoint": self.endpoint.name,
            "sampling": vars(self.sampling),
            "spent": vars(self.spent),
        }

    async def _ask(
        self, client: Client, messages: tuple[Message, ...], form: type[Any], rubric: Rubric, repeat: int
    ) -> Any:
        call = Call(messages, sampling=self.sampling, seed=repeat, step="verdict", prompt=rubric.reference)
        read = await client.ask_for(call, form)
        value: BaseModel = read.value
        return value

    def _all(self, jobs: Sequence[T], one: Callable[[T, Client], Awaitable[R]]) -> list[R]:
        """Every job's result."""
        if self._load is not None and self._speak is None:
            self._speak = self._load()
        return together(
            self.endpoint,
            jobs,
            one,
            cache=self.cache,
            run="judge",
            max_cost=self.max_cost,
            speak=self._speak,
            spent=self.spent,
        )


def _named(better: str, *, turned: bool) -> Choice:
    """Which answer is meant by its place."""
    if better == "tie":
        return "tie"
    return "one" if (better == "first") != turned else "other"
