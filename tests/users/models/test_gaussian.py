"""The default model, against hand-worked numbers and against choix."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.users.belief import Belief
from counterpoint.users.laplace import laplace, stack
from counterpoint.users.models.gaussian import Gaussian
from users.small import chose, on_a_grid

PAIRS = [(0, 1), (0, 2), (1, 2), (2, 1), (0, 1), (3, 0), (1, 3), (0, 3), (2, 3)]


def as_choices(pairs: list[tuple[int, int]], items: int) -> list:  # type: ignore[type-arg]
    rows = np.eye(items)
    return [chose(0, rows[won], rows[lost]) for won, lost in pairs]


def test_the_mode_is_choixs_penalised_maximum() -> None:
    # choix adds alpha |theta|^2 to the loss: that is N(0, 1 / (2 alpha)), so alpha 1/2 is our unit prior.
    choix = pytest.importorskip("choix")
    expected = choix.opt_pairwise(4, PAIRS, alpha=0.5, tol=1e-9)
    found = laplace(stack([as_choices(PAIRS, 4)], 4), np.zeros(4), np.eye(4))
    assert found.mean[0] == pytest.approx(expected, abs=1e-4)


def test_mean_and_covariance_are_choixs_expectation_propagation() -> None:
    # choix.ep_pairwise's alpha is a precision: alpha 1 is the unit prior. It approximates the logistic by a mixture of
    # probits and is itself approximate; ours is a quasi-random integral. 0.03 of log-odds covers both.
    choix = pytest.importorskip("choix")
    mean, covariance = choix.ep_pairwise(4, PAIRS, alpha=1.0)
    belief = Gaussian(Belief.flat(4)).fit(as_choices(PAIRS, 4))
    assert belief.mean == pytest.approx(mean, abs=0.03)
    assert belief.covariance == pytest.approx(covariance, abs=0.03)


def test_one_by_one_is_near_all_at_once() -> None:
    model = Gaussian(Belief.flat(4))
    seen = as_choices(PAIRS, 4)
    state = model.prior()
    for observation in seen:
        state = model.update(state, observation)
    assert state.mean == pytest.approx(model.fit(seen).mean, abs=0.05)
    assert state.sd == pytest.approx(model.fit(seen).sd, abs=0.05)


def test_three_choices_of_a_side_give_the_mean_on_a_grid() -> None:
    seen = [chose(0, [1.0], [-1.0])] * 3
    mean, covariance, _ = on_a_grid(seen, Belief.flat(1), points=4001)
    belief = Gaussian(Belief.flat(1)).fit(seen)
    assert belief.mean == pytest.approx(mean, rel=1e-4)
    assert belief.covariance == pytest.approx(covariance, rel=1e-4)


def test_nothing_is_forgotten_and_scenes_are_the_same() -> None:
    model = Gaussian(Belief.flat(1))
    state = model.fit([chose(0, [1.0], [-1.0], time=5.0)])
    later = model.belief(state, time=1e9, scene="anywhere")
    assert later.mean.tolist() == state.mean.tolist()
    assert later.time == 1e9
