"""The prior that people at large make."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.users.belief import Belief
from counterpoint.users.population import fit_population
from counterpoint.users.simulate import draw_choice
from users.small import question

TRUE = Belief(np.array([1.0, 0.0]), np.array([[0.3, 0.2], [0.2, 1.5]]))


def crowd(count: int, choices: int) -> list:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    vectors = TRUE.mean + rng.normal(size=(count, 2)) @ np.linalg.cholesky(TRUE.covariance).T
    return [[draw_choice(v, question(*(rng.normal(size=(2, 2)) * 1.5)), rng) for _ in range(choices)] for v in vectors]


def test_mean_and_spread_of_a_population_are_found_from_a_few_choices_each() -> None:
    # 60 people, standard error of the mean about 0.15; "near" is three of them. A variance of 1.5 has a
    # standard error of 0.27 from 60 people whose vectors are seen, and more from ten choices each: two of these.
    found = fit_population(crowd(60, 10), Belief.flat(2), caution=1.0, steps=12).prior
    assert found.mean == pytest.approx(TRUE.mean, abs=0.45)
    assert np.diag(found.covariance) == pytest.approx(np.diag(TRUE.covariance), abs=0.6)


def test_each_step_makes_the_choices_likelier() -> None:
    evidence = fit_population(crowd(20, 5), Belief.flat(2), caution=0.0, steps=5).log_evidence
    assert (np.diff(evidence) > -0.05).all()
    assert evidence[-1] > evidence[0]


def test_nobody_known_leaves_the_start() -> None:
    start = Belief.flat(3)
    assert fit_population([[], []], start).prior is start


def test_a_pair_nobody_was_asked_about_keeps_unit_spread() -> None:
    rng = np.random.default_rng(1)
    people = [[draw_choice(np.zeros(2), question([1.0, 0.0], [-1.0, 0.0]), rng) for _ in range(3)] for _ in range(20)]
    found = fit_population(people, Belief.flat(2), steps=5).prior
    assert found.covariance[1, 1] == pytest.approx(1.0, abs=0.05)
    assert found.mean[1] == pytest.approx(0.0, abs=0.05)
