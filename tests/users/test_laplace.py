"""Posteriors given all observations at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.users.belief import Belief
from counterpoint.users.laplace import integrate, laplace, log_likelihood, posterior, stack
from users.small import chose, on_a_grid, random_observations


def test_the_likelihood_of_an_even_choice_is_one_half() -> None:
    batch = stack([[chose(0, [1.0], [-1.0])], [chose(1, [3.0], [1.0]), chose(0, [0.0], [0.0], [0.0])]], 1)
    # Padding says nothing: the second person's likelihood is 1/2 * 1/3 at v = 0.
    assert log_likelihood(batch, np.zeros((2, 1))) == pytest.approx([np.log(1 / 2), np.log(1 / 6)])


def test_the_mode_makes_the_gradient_vanish() -> None:
    # One choice of evidence 1 over -1, prior N(0, 1): v = 2 sigmoid(-2 v) at the mode.
    found = laplace(stack([[chose(0, [1.0], [-1.0])]], 1), np.zeros(1), np.eye(1))
    v = found.mean[0, 0]
    share = 1 / (1 + np.exp(2 * v))
    assert v == pytest.approx(2 * share, abs=1e-9)
    # Curvature 1 + 4 p (1 - p).
    assert found.covariance[0, 0, 0] == pytest.approx(1 / (1 + 4 * share * (1 - share)), abs=1e-9)


@pytest.mark.parametrize(("pairs", "points"), [(1, 4001), (2, 301)])
@pytest.mark.parametrize("scale", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("alternatives", [2, 4])
@pytest.mark.parametrize("count", [1, 3, 10])
def test_mean_and_variance_agree_with_a_grid(
    pairs: int, points: int, scale: float, alternatives: int, count: int
) -> None:
    rng = np.random.default_rng(count)
    prior = Belief(np.full(pairs, 0.3), np.eye(pairs) * 1.5 + 0.2)
    seen = random_observations(rng, pairs=pairs, alternatives=alternatives, count=count, scale=scale)
    mean, covariance, evidence = on_a_grid(seen, prior, points=points)
    found = integrate(stack([seen], pairs), prior)
    sd = np.sqrt(np.diag(covariance))
    assert found.mean[0] / sd == pytest.approx(mean / sd, abs=0.02)
    assert np.diag(found.covariance[0]) == pytest.approx(np.diag(covariance), rel=0.02)
    assert found.log_evidence[0] == pytest.approx(evidence, abs=0.02)


def test_six_dimensions_agree_with_a_hundred_thousand_samples() -> None:
    # Tolerance: 1,024 nodes at an effective share of about a half leave a few hundredths of a standard deviation.
    rng = np.random.default_rng(0)
    prior = Belief.flat(6)
    seen = random_observations(rng, pairs=6, alternatives=3, count=5, scale=1.5)
    vectors = rng.standard_normal((150_000, 6))
    logs = np.zeros(len(vectors))
    for o in seen:
        logits = vectors @ o.question.features.T
        logs += logits[:, o.chosen] - np.logaddexp.reduce(logits, axis=1)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    mean = weights @ vectors
    variance = weights @ (vectors - mean) ** 2
    found = posterior(seen, prior)
    assert np.abs(found.mean - mean).max() < 0.05
    assert np.diag(found.covariance) == pytest.approx(variance, rel=0.08)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), size=st.integers(1, 4))
def test_the_order_of_observations_makes_no_difference(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    seen = random_observations(rng, pairs=size, alternatives=3, count=6, scale=2.0)
    first, second = posterior(seen, Belief.flat(size)), posterior(seen[::-1], Belief.flat(size))
    assert second.mean == pytest.approx(first.mean, abs=1e-6)
    assert second.covariance == pytest.approx(first.covariance, abs=1e-6)


def test_people_together_get_what_each_gets_alone() -> None:
    rng = np.random.default_rng(3)
    people = [
        random_observations(rng, pairs=3, alternatives=a, count=c, scale=2.0) for a, c in [(2, 1), (5, 4), (3, 9)]
    ]
    together = integrate(stack(people, 3), Belief.flat(3))
    for row, seen in enumerate(people):
        alone = posterior(seen, Belief.flat(3))
        assert together.mean[row] == pytest.approx(alone.mean, abs=1e-6)
        assert together.covariance[row] == pytest.approx(alone.covariance, abs=1e-6)


def test_weight_two_is_the_same_choice_twice() -> None:
    twice = posterior([chose(0, [1.0, 0.5], [-1.0, 0.0])] * 2, Belief.flat(2))
    heavy = posterior([chose(0, [1.0, 0.5], [-1.0, 0.0], weight=2.0)], Belief.flat(2))
    assert heavy.mean == pytest.approx(twice.mean, abs=1e-9)


def test_evidence_of_hundreds_of_nats_stays_finite() -> None:
    found = posterior([chose(0, [500.0], [-500.0]), chose(1, [500.0], [-500.0])], Belief.flat(1))
    assert np.isfinite(found.mean).all()
    assert (found.sd > 0).all()
    assert abs(found.mean[0]) < 0.05


def test_nothing_seen_is_the_prior() -> None:
    prior = Belief.flat(4)
    assert posterior([], prior) is prior


def test_laplaces_log_evidence_is_right_where_evidence_is_weak() -> None:
    rng = np.random.default_rng(5)
    prior = Belief.flat(1)
    seen = random_observations(rng, pairs=1, alternatives=3, count=10, scale=0.4)
    _, _, evidence = on_a_grid(seen, prior, points=4001)
    assert laplace(stack([seen], 1), prior.mean, prior.covariance).log_evidence[0] == pytest.approx(evidence, abs=0.05)
