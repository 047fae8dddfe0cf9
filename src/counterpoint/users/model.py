"""The contract of user models: observations in, a belief and predicted choices out. One file each in `models/`.

Whatever a person does is reduced to observations of one form, linear in log-odds:
`log P(observation | v) = weight * log softmax(features v + bias)[chosen]`, v the preference vector.
Axes: `alternative` (A), `value_pair` (K).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from counterpoint.registry import Registry
from counterpoint.types import Dilemma
from counterpoint.users.belief import Belief, Vector
from counterpoint.users.quadrature import nodes

Features = NDArray[np.float64]
"""`[alternative, value_pair]`, nats: the evidence x_d(o) of each alternative."""


@dataclass(frozen=True)
class Question:
    """What somebody is, or could be, shown.

    Attributes:
        features: `[alternative, value_pair]`, nats.
        bias: `[alternative]`, nats: the quality everybody agrees on.
        time: when, seconds since 1970.
        scene: where; "" if unknown.
        dilemma: the text, for models that read it.
    """

    features: Features
    bias: Vector
    time: float = 0.0
    scene: str = ""
    dilemma: Dilemma | None = None


@dataclass(frozen=True)
class Observation:
    """One alternative taken from several, `weight` times; an event gives one or more.

    Attributes:
        question: what was shown.
        chosen: index of the alternative taken.
        weight: how many such choices it counts as; 1 for a plain choice.
        told: what happened, in words, for models that read it.
        event: id of the event it comes from.
    """

    question: Question
    chosen: int
    weight: float = 1.0
    told: str = ""
    event: str = ""


State = TypeVar("State")


class UserModel(Protocol[State]):
    """A way to infer preferences. All that is known about a person is in the state; both are immutable."""

    def prior(self) -> State:
        """The state about somebody nobody has met."""
        ...

    def update(self, state: State, observation: Observation) -> State:
        """The state after one more observation, not earlier than those before it. A pure function."""
        ...

    def fit(self, observations: Sequence[Observation]) -> State:
        """The state after all these observations, in the order of time; at least as exact as updating one by one."""
        ...

    def predict(self, state: State, question: Question) -> Vector:
        """Probability of each alternative, `[alternative]`, uncertainty about the person included."""
        ...

    def belief(self, state: State, time: float | None = None, scene: str = "") -> Belief:
        """The state as a Gaussian over the preference vector, at a time (None: of the last update) and in a scene."""
        ...

    def evidence(self, state: State) -> Vector:
        """What is known beyond the prior, `[value_pair]`: ln(prior sd / sd), nats."""
        ...


USER_MODELS: Registry[Any] = Registry("user model", "counterpoint.users.models", "MODEL")
"""Classes; each is made from a newcomer: `USER_MODELS.get("gaussian")(Belief.flat(6))`."""


def fold(model: UserModel[State], observations: Sequence[Observation]) -> State:
    """Update one by one from the prior: `fit` for models that have nothing better."""
    return reduce(model.update, observations, model.prior())


def predict_gaussian(belief: Belief, question: Question) -> Vector:
    """E softmax(features v + bias) over v ~ belief, `[alternative]`; in the plane of the alternatives' log-odds."""
    features = question.features - question.features.mean(axis=0)
    spread = features @ belief.covariance @ features.T
    values, axes = np.linalg.eigh(spread)
    kept = values > max(values[-1], 1e-300) * 1e-10
    grid = nodes(max(1, int(kept.sum())))
    scaled = axes[:, kept] * np.sqrt(values[kept])
    offsets = grid.points @ scaled.T if kept.any() else np.zeros((len(grid.weights), len(features)))
    logits = features @ belief.mean + question.bias + offsets
    probability = grid.weights @ softmax(logits, axis=1)
    normalised: Vector = probability / probability.sum()
    return normalised
