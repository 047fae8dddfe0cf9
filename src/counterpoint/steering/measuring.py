"""Whose poles answers serve under a steering, as shares: counted in answers, or as expected of them where that is seen.

The share is that of answers at temperature 1, and is found in one of three ways:

- `likelihood`: a model in process says how likely it finds each option (`likelihood.py`). Nothing is drawn, so that
  nothing is left to chance but which dilemmas are asked. Whether answers keep the form asked for isn't seen.
- `candidates`: of methods that keep one of several replies, these are drawn, and each counts as much as it is probably
  kept; without steering all alike. What doesn't depend on the strength is drawn once for all strengths.
- `answers`: answers are drawn, with the same random numbers under every steering, and counted. Any endpoint does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.models.answer_parser import parse_answer
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import BASE, Asked, Reply, Request
from counterpoint.steering.composing import Choice, chooser
from counterpoint.steering.method import METHODS, Answerer
from counterpoint.steering.steering import Steering, nothing
from counterpoint.types import Dilemma, Taxonomy, content_hash

if TYPE_CHECKING:
    from counterpoint.steering.calibration import Calibration

Counts = NDArray[np.float64]
"""`[dilemma, (positive, negative)]`, answers by the pole of the option chosen; unreadable ones are in neither."""
Way = Literal["likelihood", "candidates", "answers"]

ENDS = ('",', '"}', '"]')
"""Where a reply's choice has been said: the explanation isn't waited for."""

AS_MANY = 1000.0
"""Answers that a dilemma read by likelihood counts as: so many that the half of one added to each side is nothing."""


class Measurer:
    """Asks dilemmas and says whose poles the answers serve.

    Args:
        host: what answers.
        dilemmas: those in which both poles can be chosen are used.
        settings: how it is found, how often, and with which seed.
    """

    def __init__(self, host: Answerer, dilemmas: Sequence[Dilemma], settings: Calibration) -> None:
        self.host, self.settings = host, settings
        self.by_pair = [[d for d in dilemmas if _both(d, host.taxonomy, axis)] for axis in range(len(host.taxonomy))]
        for pair, found in zip(host.taxonomy, self.by_pair, strict=True):
            if len(found) < 2 * self.settings.folds:
                raise BadInputError(
                    f"{len(found)} dilemmas about {pair.name} in which both poles can be chosen; "
                    f"expected at least {2 * self.settings.folds}"
                )
        self._counts: dict[tuple[str, float], list[Counts]] = {}
        self._heard: dict[tuple[Any, ...], Reply] = {}

    def base(self, method: str) -> list[Counts]:
        """Counts without steering, by value pair, found as those of the method are."""
        return self.counts(method if self.way(method) == "candidates" else BASE, [0.0])[0]

    def counts(self, method: str, strengths: Sequence[float]) -> list[list[Counts]]:
        """Counts at every strength, each pair steered alone on its own dilemmas: `[strength][value_pair]`."""
        new = [strength for strength in dict.fromkeys(strengths) if (method, strength) not in self._counts]
        if new:
            self._counts |= {
                (method, strength): found for strength, found in zip(new, self._found(method, new), strict=True)
            }
        return [self._counts[method, strength] for strength in strengths]

    def _found(self, method: str, strengths: Sequence[float]) -> list[list[Counts]]:
        way = self.way(method)
        draws, weight = (1, AS_MANY) if way == "likelihood" else (self.settings.draws, 1.0)
        requests = [
            self._request(method, axis, strength, dilemma, draw)
            for strength in strengths
            for axis, dilemmas in enumerate(self.by_pair)
            for dilemma in dilemmas
            for draw in range(draws)
        ]
        find = {"likelihood": self._likely, "candidates": self._kept, "answers": self._answered}[way]
        served = iter(weight * find(requests).reshape(-1, draws, 2).sum(1))
        return [[np.stack([next(served) for _ in dilemmas]) for dilemmas in self.by_pair] for _ in strengths]

    def way(self, method: str) -> Way:
        """How the method's shares are found on this host."""
        names = [] if method == BASE else method.split("+")
        if self.settings.by == "answers" or not set(names) <= set(METHODS.names()):
            return "answers"
        if any(METHODS.get(name).needs == "candidates" for name in names):
            return "candidates"
        return "likelihood" if hasattr(self.host, "language") else "answers"

    def _request(self, method: str, axis: int, strength: float, dilemma: Dilemma, draw: int) -> Request:
        vector = tuple(strength if i == axis else 0.0 for i in range(len(self.host.taxonomy)))
        seed = int(content_hash("dial", self.settings.seed, dilemma.digest, draw)[:15], 16)
        decoding = Decoding(1.0, 1.0, self.settings.max_new_tokens, ENDS)
        return Request(Asked(dilemma), Steering(vector), method, decoding, seed)

    # The three ways: `[request, (positive, negative)]`

    def _answered(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        replies = self.host.answer(requests)
        return np.stack([self._serves(request, reply) for request, reply in zip(requests, replies, strict=True)])

    def _likely(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        from counterpoint.steering.likelihood import options

        found = []
        for request, row in zip(requests, options(self.host, requests), strict=True):  # type: ignore[arg-type]
            positive = float(np.exp(row[list(self._positive(request))]).sum())
            found.append((positive, 1 - positive))
        return np.array(found)

    def _kept(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        drawn = [self._spread(request) for request in requests]
        heard = iter(self._hear(one for _, candidates in drawn for one in candidates))
        found = []
        for request, (choice, candidates) in zip(requests, drawn, strict=True):
            replies = [next(heard) for _ in candidates]
            chances = np.full(len(replies), 1 / len(replies))
            if any(request.steering.vector):
                chances = choice.method.chances(choice.choose, replies)
            found.append(chances @ np.stack([self._serves(request, reply) for reply in replies]))
        return np.stack(found)

    def _spread(self, request: Request) -> tuple[Choice, tuple[Request, ...]]:
        """What chooses, and the candidates; unsteered ones are those of strength 1, not steered."""
        steered = any(request.steering.vector)
        asked = request if steered else replace(request, steering=Steering((1.0,) * len(self.host.taxonomy)))
        choice = chooser(self.host, asked)  # type: ignore[arg-type]  # hosts that open methods
        assert choice is not None
        candidates = choice.method.spread(choice.spread)
        if not steered:
            candidates = tuple(replace(c, method=BASE, steering=nothing(self.host.taxonomy)) for c in candidates)
        return choice, candidates

    def _hear(self, requests: Iterable[Request]) -> list[Reply]:
        """Replies, those to what was asked before from memory."""
        asked = list(requests)
        keys = [_key(request) for request in asked]
        new = {key: one for key, one in zip(keys, asked, strict=True) if key not in self._heard}
        self._heard.update(zip(new, self.host.answer(list(new.values())), strict=True))
        return [self._heard[key] for key in keys]

    def _serves(self, request: Request, reply: Reply) -> NDArray[np.float64]:
        assert isinstance(request.ask, Asked)
        choice = parse_answer(reply.text, len(request.ask.dilemma.options)).choice
        if choice is None:
            return np.zeros(2)
        return np.array([1.0, 0.0] if choice in self._positive(request) else [0.0, 1.0])

    def _positive(self, request: Request) -> tuple[int, ...]:
        """Options of the positive pole."""
        assert isinstance(request.ask, Asked)
        dilemma = request.ask.dilemma
        return dilemma.gold(self.host.taxonomy.by_name[dilemma.value_pair].positive.name)


def _key(request: Request) -> tuple[Any, ...]:
    """All that a reply depends on: of the steering nothing where no method applies it."""
    assert isinstance(request.ask, Asked)
    vector = request.steering.vector if request.methods else ()
    return (request.ask.dilemma.digest, request.methods, vector, request.turned, request.decoding, request.seed)


def _both(dilemma: Dilemma, taxonomy: Taxonomy, axis: int) -> bool:
    pair = taxonomy.pairs[axis]
    return dilemma.value_pair == pair.name and all(dilemma.gold(pole.name) for pole in pair.poles)
