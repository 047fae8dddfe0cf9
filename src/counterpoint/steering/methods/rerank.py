"""Draws candidates from the unsteered model and keeps the one that fits the person best, as the encoder reads it.

Best-of-n by a reward (Stiennon et al. 2020, arXiv 2009.01325), the reward being v . x(o), the evidence of the reply
weighed by the person's preference vector. Departure: at a temperature above 0 the candidate is drawn by its reward
instead of taken as the best (`candidates.py`), so that weak leanings steer weakly. Replies are whole sentences of the
base itself, so that language and facts are as good as its own; what the base never says can't be had. With another
method (`mixture+rerank`) candidates are that method's, and each gets its share of the strength.

Worked example: rewards v . x of two candidates are 1 and 0. At temperature 1 the first is kept with probability
e / (e + 1) = 0.731, at temperature 0 always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import Reply, Request
from counterpoint.steering.candidates import chances, choose, number, open_evidence
from counterpoint.steering.method import Answerer, Needs
from counterpoint.steering.steering import Steering
from counterpoint.users.evidence import Evidence


@dataclass(frozen=True)
class Reranking:
    """Rerank's material: what candidates are told apart by, and how they are drawn."""

    by: Any = None
    """An `Evidence`, a scorer or the folder of a saved one; None: the untrained encoder, by the poles' descriptions."""
    candidates: int = 8
    """How many replies are drawn, the one that the base would give among them."""
    temperature: float = 1.0
    """Of the other candidates, where the reply's own is lower: at temperature 0 they would all be the same."""

    def __post_init__(self) -> None:
        if self.candidates < 2:
            raise BadInputError(f"candidates is {self.candidates}; expected at least 2")
        if not self.temperature > 0:
            raise BadInputError(f"temperature is {self.temperature}; expected a number above 0")


@dataclass(frozen=True)
class _Opened:
    """Rerank on one answerer."""

    evidence: Evidence
    settings: Reranking

    def spread(self, request: Request) -> tuple[Request, ...]:
        """The reply without this method, then others to the same question."""
        own = replace(request, steering=_share(request, len(request.methods)))
        warm = replace(request.decoding, temperature=max(request.decoding.temperature, self.settings.temperature))
        seeds = [number(request, "candidate", i) for i in range(1, self.settings.candidates)]
        return (own, *(replace(own, decoding=warm, seed=seed) for seed in seeds))

    def choose(self, request: Request, replies: Sequence[Reply]) -> int:
        """The candidate kept."""
        return choose(self.evidence, request, _share(request, 1), [reply.text for reply in replies])

    def chances(self, request: Request, replies: Sequence[Reply]) -> NDArray[np.float64]:
        """With what probability each candidate is kept."""
        return chances(self.evidence, request, _share(request, 1), [reply.text for reply in replies])


def _share(request: Request, parts: int) -> Steering:
    """Of the strength, as many parts as there are methods: this one, and those that the candidates are drawn by."""
    whole = 1 + len(request.methods)
    return request.steering.scaled(parts / whole) if parts and whole > 1 else request.steering


class Rerank:
    """Best of several replies of the base."""

    needs: Needs = "candidates"
    composes_with: frozenset[str] = frozenset({"instruction", "mixture", "activation", "adapters"})

    def open(self, host: Answerer, material: Any = None) -> _Opened:
        """Ready for use; `material`: `Reranking`, or what its `by` may be."""
        settings = material if isinstance(material, Reranking) else Reranking(by=material)
        return _Opened(open_evidence(settings.by, host.taxonomy), settings)


METHOD = Rerank()
