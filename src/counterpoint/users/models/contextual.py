"""One person, several settings: a leaning of their own plus one for each scene, shrunk together.

Hierarchical linear predictor with partial pooling (Gelman and Hill 2007, eq. 12.3; for choices: Train 2009, "Discrete
Choice Methods with Simulation", ch. 12): v = v_person + v_{person, scene}, with prior covariances (1 - share) S and
share S, so that in any one scene the prior is N(m, S) as ever and two scenes correlate by 1 - share.

Departure: filtered choice by choice (as `gaussian.update` is) instead of sampled: K (1 + scenes) dimensions stay
cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from counterpoint.users.belief import Belief, Matrix, Vector
from counterpoint.users.filtering import step
from counterpoint.users.model import Observation, Question, fold, predict_gaussian


class InScenes(NamedTuple):
    """Joint belief over `[person; scene 1; scene 2; ...]`, K coordinates each; the scenes' names in that order."""

    joint: Belief
    scenes: tuple[str, ...]


@dataclass(frozen=True)
class Contextual:
    """A person who may hold both poles by context. State: `InScenes`.

    Attributes:
        start: the belief about a newcomer in any one scene.
        share: the part of the prior variance that belongs to scenes: 0 none, 1 all (scenes have nothing in common).
    """

    start: Belief
    share: float = 0.5

    def prior(self) -> InScenes:
        """No scene met yet."""
        return InScenes(replace(self.start, covariance=(1 - self.share) * self.start.covariance), ())

    def update(self, state: InScenes, observation: Observation) -> InScenes:
        """Person and scene learn together; a scene is added when first met. An unnamed one teaches the person only."""
        scene = observation.question.scene
        if scene and scene not in state.scenes:
            state = self._with(state, scene)
        question = observation.question
        seen = question.features @ self._map(state, scene)
        widened = replace(observation, question=replace(question, features=seen))
        return InScenes(step(state.joint, widened), state.scenes)

    def fit(self, observations: Sequence[Observation]) -> InScenes:
        """One by one, in the order given."""
        return fold(self, observations)

    def predict(self, state: InScenes, question: Question) -> Vector:
        """Probability of each alternative in the question's scene."""
        return predict_gaussian(self.belief(state, scene=question.scene), question)

    def belief(self, state: InScenes, time: float | None = None, scene: str = "") -> Belief:
        """The person in that scene; with no scene named, the person wherever they have not been seen yet."""
        read = self._map(state, scene)
        mean, covariance = read @ state.joint.mean, read @ state.joint.covariance @ read.T
        if scene not in state.scenes:
            covariance = covariance + self.share * self.start.covariance
        belief = replace(state.joint, mean=mean, covariance=covariance)
        return belief if time is None else belief.at(max(time, belief.time))

    def evidence(self, state: InScenes) -> Vector:
        """ln(prior sd / sd) of the person apart from scenes, `[value_pair]`, nats."""
        size = self.start.size
        before = self.prior().joint
        gained: Vector = np.log(before.sd / state.joint.sd[:size])
        return gained

    def _with(self, state: InScenes, scene: str) -> InScenes:
        """One more scene, at its prior."""
        known, size = state.joint.size, self.start.size
        covariance = np.zeros((known + size, known + size))
        covariance[:known, :known] = state.joint.covariance
        covariance[known:, known:] = self.share * self.start.covariance
        joint = replace(state.joint, mean=np.concatenate([state.joint.mean, np.zeros(size)]), covariance=covariance)
        return InScenes(joint, (*state.scenes, scene))

    def _map(self, state: InScenes, scene: str) -> Matrix:
        """Reads the vector that acts in a scene off the joint one: `[value_pair, joint]`."""
        size = self.start.size
        blocks = [np.eye(size)] + [np.eye(size) * (name == scene) for name in state.scenes]
        return np.concatenate(blocks, axis=1)


MODEL = Contextual
