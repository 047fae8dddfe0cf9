"""Nodes and moments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skewnorm

from counterpoint.users.quadrature import moments, nodes


@pytest.mark.parametrize("dimension", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("grid", ["fine", "coarse", "rough"])
def test_nodes_have_the_mean_and_covariance_of_a_standard_normal(dimension: int, grid: str) -> None:
    points, weights = nodes(dimension, grid)  # type: ignore[arg-type]
    assert weights.sum() == pytest.approx(1)
    assert weights @ points == pytest.approx(np.zeros(dimension), abs=1e-9)
    assert (points * weights[:, None]).T @ points == pytest.approx(np.eye(dimension), abs=1e-9)


def test_moments_of_a_gaussian_are_its_own_from_a_wrong_start() -> None:
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    precision = np.linalg.inv(covariance)

    def log_density(points):  # type: ignore[no-untyped-def]
        away = points - np.array([1.0, -1.0])
        return -0.5 * ((away @ precision) * away).sum(axis=2)

    found = moments(log_density, mean=np.zeros((1, 2)), covariance=np.eye(2)[None])
    assert found.mean[0] == pytest.approx([1, -1], abs=1e-6)
    assert found.covariance[0] == pytest.approx(covariance, abs=1e-6)
    # The integral of exp(-away' P away / 2) is 2 pi sqrt(det covariance).
    assert found.log_mass[0] == pytest.approx(np.log(2 * np.pi * np.sqrt(np.linalg.det(covariance))), abs=1e-6)


def test_moments_of_a_skewed_density_are_those_scipy_gives() -> None:
    density = skewnorm(5.0)
    found = moments(lambda points: density.logpdf(points[:, :, 0]), mean=np.ones((1, 1)), covariance=np.ones((1, 1, 1)))
    assert found.mean[0, 0] == pytest.approx(density.mean(), rel=2e-3)
    assert found.covariance[0, 0, 0] == pytest.approx(density.var(), rel=5e-3)
