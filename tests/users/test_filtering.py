"""Updates one observation at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.users.belief import Belief
from counterpoint.users.filtering import Contrast, contrast, filter_rows, step
from users.small import chose, on_a_grid, random_observations


@pytest.mark.parametrize(("pairs", "points"), [(1, 4001), (2, 301)])
@pytest.mark.parametrize("alternatives", [2, 3, 5])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_one_update_has_the_mean_and_variance_of_the_exact_posterior(
    pairs: int, points: int, alternatives: int, scale: float
) -> None:
    rng = np.random.default_rng(alternatives)
    prior = Belief(np.full(pairs, -0.2), np.eye(pairs) + 0.3)
    (seen,) = random_observations(rng, pairs=pairs, alternatives=alternatives, count=1, scale=scale)
    mean, covariance, evidence = on_a_grid([seen], prior, points=points)
    found = step(prior, seen)
    assert np.abs(found.mean - mean).max() < 0.02 * np.sqrt(np.diag(covariance)).max()
    assert np.diag(found.covariance) == pytest.approx(np.diag(covariance), rel=0.02)
    row = filter_rows(prior.mean[None], prior.covariance[None], contrast(seen))
    assert row.log_predictive[0] == pytest.approx(evidence, abs=0.02)


def test_a_choice_nobody_expected_is_left_to_laplace_and_still_moves_the_mean() -> None:
    # Sure of +5 (sd 0.3), then an option 4 nats the other way: probability e^-20.
    sure = Belief(np.array([5.0]), np.array([[0.09]]))
    found = step(sure, chose(1, [2.0], [-2.0]))
    # Far in the tail log sigmoid is linear with slope 4: the mean moves by 4 * 0.09.
    assert found.mean[0] == pytest.approx(5 - 0.36, abs=1e-3)


def test_the_belief_given_is_not_changed() -> None:
    prior = Belief.flat(2)
    step(prior, chose(0, [1.0, 1.0], [0.0, 0.0]))
    assert prior.mean.tolist() == [0, 0]
    assert prior.covariance.tolist() == np.eye(2).tolist()


def test_evidence_that_tells_options_apart_in_nothing_tells_nothing() -> None:
    found = step(Belief.flat(2), chose(0, [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]))
    assert found.mean == pytest.approx([0, 0], abs=1e-9)
    assert found.covariance == pytest.approx(np.eye(2), abs=1e-9)


def test_rows_are_independent_of_each_other_and_of_padding() -> None:
    rng = np.random.default_rng(1)
    two, four = (random_observations(rng, pairs=3, alternatives=a, count=1, scale=1.0)[0] for a in (2, 4))
    prior = Belief.flat(3)
    wide = contrast(four)
    narrow = contrast(two)
    features = np.concatenate([np.pad(narrow.features, ((0, 0), (0, 2), (0, 0))), wide.features])
    bias = np.concatenate([np.pad(narrow.bias, ((0, 0), (0, 2)), constant_values=-1e9), wide.bias])
    both = filter_rows(
        np.zeros((2, 3)), np.tile(np.eye(3), (2, 1, 1)), Contrast(features, bias, np.ones(2)), grid="coarse"
    )
    # The padded row uses other nodes (three dimensions instead of one): equal to their accuracy.
    assert both.mean[0] == pytest.approx(step(prior, two).mean, abs=0.02)
    assert both.mean[1] == pytest.approx(step(prior, four).mean, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), alternatives=st.integers(2, 5), scale=st.floats(0.01, 20))
def test_an_update_leaves_a_proper_covariance(seed: int, alternatives: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    belief = Belief.flat(4)
    for seen in random_observations(rng, pairs=4, alternatives=alternatives, count=8, scale=scale):
        belief = step(belief, seen)
    assert np.linalg.eigvalsh(belief.covariance).min() > -1e-9
    assert (belief.sd <= 1 + 1e-6).all()
    assert belief.count == 8
