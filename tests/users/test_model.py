"""What every user model must do, whichever it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from counterpoint.errors import UnknownNameError
from counterpoint.users.belief import Belief
from counterpoint.users.model import USER_MODELS, Question, UserModel, fold, predict_gaussian
from users.small import TAXONOMY, WordScorer, chose, dilemma, question

START = Belief.flat(2)
SEEN = [
    chose(0, [1.0, 0.2], [-1.0, 0.0], time=1.0, scene="home"),
    chose(1, [1.0, 0.0], [-1.0, 0.5], [0.0, -1.0], time=90000.0, scene="work"),
    chose(0, [0.8, 0.0], [-1.0, 0.0], time=200000.0, scene="home"),
]


def make(name: str) -> UserModel[Any]:
    kind = USER_MODELS.get(name)
    made: UserModel[Any] = kind(START, reader=WordScorer()) if name == "in_context" else kind(START)
    return made


@pytest.mark.parametrize("name", USER_MODELS.names())
def test_a_newcomer_has_the_starting_belief_and_no_evidence(name: str) -> None:
    model = make(name)
    belief = model.belief(model.prior())
    assert belief.mean == pytest.approx(START.mean)
    assert belief.covariance == pytest.approx(START.covariance)
    assert model.evidence(model.prior()) == pytest.approx([0, 0])


@pytest.mark.parametrize("name", USER_MODELS.names())
def test_predictions_are_probabilities_and_even_where_options_are_the_same(name: str) -> None:
    model = make(name)
    shown = dilemma("d", "leap", "guard", "guard guard")
    asked = Question(np.array([[1.0, 0.0], [-1.0, 0.0], [-2.0, 0.0]]), np.zeros(3), 3e5, "home", shown)
    probability = model.predict(model.fit(SEEN), asked)
    assert probability.shape == (3,)
    assert probability.sum() == pytest.approx(1)
    assert (probability > 0).all()
    even = model.predict(model.prior(), question([0.3, 1.0], [0.3, 1.0], [0.3, 1.0]))
    assert even == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("name", USER_MODELS.names())
def test_updating_is_pure_and_gives_the_same_every_time(name: str) -> None:
    model = make(name)
    before = model.prior()
    first, second = fold(model, SEEN), fold(model, SEEN)
    assert np.array_equal(model.belief(first).mean, model.belief(second).mean)
    assert np.array_equal(model.belief(before).mean, START.mean)


@pytest.mark.parametrize("name", ["gaussian", "drifting", "contextual"])
def test_choices_for_a_pole_lean_towards_it(name: str) -> None:
    model = make(name)
    steady = [chose(0, [1.0, 0.0], [-1.0, 0.0], time=float(n + 1), scene="home") for n in range(5)]
    belief = model.belief(model.fit(steady), scene="home")
    assert belief.positive[0] > 0.9
    assert belief.positive[1] == pytest.approx(0.5, abs=0.02)
    assert model.evidence(model.fit(steady))[0] > 0.1


@pytest.mark.parametrize("name", ["gaussian", "drifting", "contextual", "pooled"])
def test_a_belief_can_be_dated_forward_and_says_how_much_is_in_it(name: str) -> None:
    model = make(name)
    belief = model.belief(model.fit(SEEN), time=300000.0)
    assert belief.time == 300000.0
    assert belief.count == 3


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="'gaussian'"):
        USER_MODELS.get("gausian")


def test_a_prediction_averages_over_what_is_not_known() -> None:
    # v ~ N(1, 1), evidence 1 over -1: E sigmoid(2 v) by a fine sum, well below sigmoid(2).
    grid = np.linspace(-8, 10, 20001)
    weight = np.exp(-0.5 * (grid - 1) ** 2)
    expected = float((weight / (1 + np.exp(-2 * grid))).sum() / weight.sum())
    belief = Belief(np.array([1.0, 0.0]), np.eye(2))
    found = predict_gaussian(belief, question([1.0, 0.0], [-1.0, 0.0]))
    assert found[0] == pytest.approx(expected, abs=1e-6)
    assert found[0] < 1 / (1 + np.exp(-2.0))


def test_a_certain_belief_predicts_a_plain_softmax_with_bias() -> None:
    asked = Question(np.array([[1.0], [0.0], [-1.0]]), np.array([0.0, np.log(2.0), 0.0]))
    found = predict_gaussian(Belief(np.array([np.log(3.0)]), np.array([[1e-16]])), asked)
    assert found == pytest.approx(np.array([3, 2, 1 / 3]) / (3 + 2 + 1 / 3), abs=1e-6)


def test_the_small_world_has_the_taxonomy_the_models_get() -> None:
    assert len(TAXONOMY) == START.size
