"""Everybody is the same: what people at large would do, whatever this person did.

Complete pooling (Gelman and Hill 2007, "Data Analysis Using Regression and Multilevel/Hierarchical Models", sec.
12.1). The baseline that every claim about knowing a person has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from counterpoint.users.belief import Belief, Vector
from counterpoint.users.model import Observation, Question, fold, predict_gaussian


@dataclass(frozen=True)
class Pooled:
    """The population's belief about anybody. State: that `Belief`, with this person's observations counted.

    Attributes:
        start: the population.
    """

    start: Belief

    def prior(self) -> Belief:
        """The population."""
        return self.start

    def update(self, state: Belief, observation: Observation) -> Belief:
        """Counts the observation and learns nothing."""
        return replace(state, count=state.count + 1, time=max(state.time, observation.question.time))

    def fit(self, observations: Sequence[Observation]) -> Belief:
        """Counts the observations."""
        return fold(self, observations)

    def predict(self, state: Belief, question: Question) -> Vector:
        """What people at large would do."""
        return predict_gaussian(state, question)

    def belief(self, state: Belief, time: float | None = None, scene: str = "") -> Belief:  # noqa: ARG002
        """The population, whenever and wherever."""
        return state if time is None else state.at(max(time, state.time))

    def evidence(self, state: Belief) -> Vector:
        """Zeros: nothing is ever learnt."""
        return np.zeros(state.size)


MODEL = Pooled
