"""The history itself, in the scorer's prompt: no vector, no uncertainty; the model reads what the person did.

In-context learning (Brown et al. 2020, arXiv 2005.14165), used on a person's past choices as the PFT paper does
(arXiv 2604.12479: three past choices in the prompt). The scorer is asked under a pole whose text is the history; an
encoder embeds that text as it embeds a pole's, a language model reads it as its instruction.

Departure: the most recent choices only, as many as `limit`, since an encoder reads 256 tokens at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.types import Dilemma, Pole
from counterpoint.users.belief import Belief, Vector
from counterpoint.users.model import Observation, Question, fold, predict_gaussian


class Reader(Protocol):
    """What this needs of a scorer; every `models.scorer.Scorer` is one."""

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[NDArray[np.float32]]:
        """`[dilemma]` of log-probabilities `[pole, option]`, nats."""
        ...


@dataclass(frozen=True)
class InContext:
    """A person is what they did. State: what happened, in words, oldest first.

    Attributes:
        start: what to say of the preference vector, of which this model has no view.
        reader: the scorer that reads the history.
        limit: how many of the latest happenings are read.
    """

    start: Belief
    reader: Reader | None = None
    limit: int = 10

    def prior(self) -> tuple[str, ...]:
        """Nothing happened."""
        return ()

    def update(self, state: tuple[str, ...], observation: Observation) -> tuple[str, ...]:
        """Remembers what was told of the observation; one event's observations tell it once."""
        told = observation.told
        return state if not told or (state and state[-1] == told) else (*state, told)

    def fit(self, observations: Sequence[Observation]) -> tuple[str, ...]:
        """All that was told, in order."""
        return fold(self, observations)

    def predict(self, state: tuple[str, ...], question: Question) -> Vector:
        """The scorer's probabilities under the history; with no history, what people at large would do.

        Raises:
            BadInputError: there is no scorer, or the question has no text.
        """
        if not state:
            return predict_gaussian(self.start, question)
        if self.reader is None or question.dilemma is None:
            raise BadInputError("in_context predicts by reading: it needs a scorer (reader=...) and the dilemma's text")
        scores = self.reader.score([question.dilemma], [[history_pole(state[-self.limit :])]])
        probability = np.exp(scores[0][0].astype(np.float64))
        normalised: Vector = probability / probability.sum()
        return normalised

    def belief(self, state: tuple[str, ...], time: float | None = None, scene: str = "") -> Belief:  # noqa: ARG002
        """The newcomer's: this model holds no vector."""
        return self.start if time is None else self.start.at(time)

    def evidence(self, state: tuple[str, ...]) -> Vector:  # noqa: ARG002
        """Zeros: it doesn't know what it knows."""
        return np.zeros(self.start.size)


def history_pole(told: Sequence[str]) -> Pole:
    """A pole whose description is somebody's history, latest first: what is cut off at the end is oldest."""
    return Pole(name="Past choices", description=" ".join(reversed(told)))


MODEL = InContext
