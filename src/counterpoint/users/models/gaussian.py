"""Gaussian beliefs about a fixed preference vector: the default.

Multinomial logit: McFadden 1974, "Conditional logit analysis of qualitative choice behavior", eq. 12:
P(o | v) = softmax(v . x(o) + b(o)). Laplace's method for its posterior: MacKay 1992, doi:10.1162/neco.1992.4.5.720.

Departures, and why: with a handful of choices the posterior is skewed, and mode and curvature miss its mean and
variance by more than a tenth. `fit` therefore integrates around Laplace's answer (adaptive quadrature: Naylor and
Smith 1982, doi:10.2307/2347995), from all observations together, so that their order makes no difference; `update`
matches moments along the one direction a two-way choice tells about (assumed-density filtering: Opper 1998), at a
constant cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint.users.belief import Belief, Vector
from counterpoint.users.filtering import step
from counterpoint.users.laplace import posterior
from counterpoint.users.model import Observation, Question, predict_gaussian


@dataclass(frozen=True)
class Gaussian:
    """One preference vector a person, that doesn't change. State: a `Belief`.

    Attributes:
        start: the belief about a newcomer.
    """

    start: Belief

    def prior(self) -> Belief:
        """The newcomer's belief."""
        return self.start

    def update(self, state: Belief, observation: Observation) -> Belief:
        """One observation more, at constant cost."""
        return step(state, observation)

    def fit(self, observations: Sequence[Observation]) -> Belief:
        """The posterior given all observations together."""
        return posterior(observations, self.start)

    def predict(self, state: Belief, question: Question) -> Vector:
        """Probability of each alternative, averaged over the belief."""
        return predict_gaussian(state, question)

    def belief(self, state: Belief, time: float | None = None, scene: str = "") -> Belief:  # noqa: ARG002
        """The state itself: no forgetting, and the same in every scene."""
        return state if time is None else state.at(max(time, state.time))

    def evidence(self, state: Belief) -> Vector:
        """ln(prior sd / sd) per value pair, nats."""
        return state.information(self.start)


MODEL = Gaussian
