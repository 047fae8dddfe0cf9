"""People who hold both sides, each in a setting of its own."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.users.belief import Belief
from counterpoint.users.models.contextual import Contextual
from counterpoint.users.models.gaussian import Gaussian
from users.small import chose, question

BOTH = [
    chose(0 if scene == "gaming" else 1, [1.0], [-1.0], time=float(n), scene=scene)
    for n in range(10)
    for scene in ("gaming", "medical")
]


def test_opposite_sides_in_two_scenes_stand_side_by_side() -> None:
    model = Contextual(Belief.flat(1))
    state = model.fit(BOTH)
    assert model.belief(state, scene="gaming").positive[0] > 0.95
    assert model.belief(state, scene="medical").positive[0] < 0.05
    assert model.belief(state).positive[0] == pytest.approx(0.5, abs=0.15)
    # The other model has to settle for neither.
    assert abs(Gaussian(Belief.flat(1)).fit(BOTH).mean[0]) < 0.05


def test_predictions_follow_the_scene_of_the_question() -> None:
    model = Contextual(Belief.flat(1))
    state = model.fit(BOTH)
    assert model.predict(state, question([1.0], [-1.0], scene="gaming"))[0] > 0.8
    assert model.predict(state, question([1.0], [-1.0], scene="medical"))[0] < 0.2


def test_a_new_scene_starts_from_the_person() -> None:
    model = Contextual(Belief.flat(1), share=0.5)
    state = model.fit([chose(0, [1.0], [-1.0], scene="work")] * 10)
    elsewhere, there = model.belief(state, scene="home"), model.belief(state, scene="work")
    # Half the variance is the person's: what was learnt at work carries over by half.
    assert elsewhere.mean[0] == pytest.approx(there.mean[0] / 2, rel=0.01)
    assert elsewhere.sd[0] > there.sd[0]
    assert elsewhere.mean.tolist() == model.belief(state).mean.tolist()


def test_one_scene_alone_is_the_gaussian_model() -> None:
    seen = [chose(0, [1.0, 0.3], [-1.0, 0.0], scene="work"), chose(1, [0.5, 0.0], [0.0, 1.0], scene="work")]
    start = Belief(np.array([0.2, -0.1]), np.array([[1.0, 0.2], [0.2, 0.8]]))
    gaussian, model = Gaussian(start), Contextual(start)
    state = gaussian.prior()
    for observation in seen:
        state = gaussian.update(state, observation)
    belief = model.belief(model.fit(seen), scene="work")
    assert belief.mean == pytest.approx(state.mean, abs=1e-9)
    assert belief.covariance == pytest.approx(state.covariance, abs=1e-9)


def test_a_share_of_nothing_knows_no_scenes() -> None:
    model = Contextual(Belief.flat(1), share=0.0)
    state = model.fit(BOTH[:6])
    assert model.belief(state, scene="gaming").mean == pytest.approx(model.belief(state, scene="medical").mean)
