"""Expectations under a Gaussian, and moments of a density that is nearly one.

One and two dimensions: Gauss-Hermite product rules. More: scrambled Sobol points with a fixed seed, mirrored at 0 and
whitened, so that mean and covariance of a Gaussian come out exactly; a fixed rule makes beliefs a pure function of events.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from counterpoint.users.belief import Matrix, Vector

_SEED = 20260412
_SIZES = {"fine": (96, 40, 1024), "coarse": (64, 20, 512), "rough": (32, 12, 128)}
"""Number of nodes in one dimension, along each axis in two, and in all in three and more (a power of two)."""


class Nodes(NamedTuple):
    """Points of a standard normal `[node, dimension]` and their weights `[node]`, which add up to 1."""

    points: Matrix
    weights: Vector


class Moments(NamedTuple):
    """Mean `[dimension]`, covariance `[dimension, dimension]`, and the effective share of nodes, 0 to 1."""

    mean: Vector
    covariance: Matrix
    effective: float


@cache
def nodes(dimension: int, grid: Literal["fine", "coarse", "rough"] = "fine") -> Nodes:
    """The rule for `dimension` dimensions; the coarser ones are for where microseconds count."""
    sizes = _SIZES[grid]
    if dimension <= 2:
        line, weights = np.polynomial.hermite_e.hermegauss(sizes[dimension - 1])
        weights = weights / weights.sum()
        if dimension == 1:
            return Nodes(line[:, None], weights)
        first, second = np.meshgrid(line, line, indexing="ij")
        return Nodes(np.stack([first.ravel(), second.ravel()], axis=1), np.outer(weights, weights).ravel())
    half = ndtri(qmc.Sobol(dimension, rng=_SEED).random(sizes[2] // 2))
    points = np.concatenate([half, -half])
    root = np.linalg.cholesky(points.T @ points / len(points))
    return Nodes(np.linalg.solve(root, points.T).T, np.full(len(points), 1.0 / len(points)))


def moments(log_density: Callable[[Matrix], Vector], *, mean: Vector, covariance: Matrix, passes: int = 3) -> Moments:
    """Mean and covariance of a density by importance-weighted nodes, re-centred on its own answer `passes` times.

    Args:
        log_density: unnormalised, from points `[node, dimension]` to `[node]`, nats.
        mean: where the density roughly is.
        covariance: how wide it roughly is.
        passes: how often to place the nodes.
    """
    grid = nodes(len(mean))
    base = np.log(np.maximum(grid.weights, 1e-300)) + 0.5 * (grid.points**2).sum(axis=1)
    effective = 0.0
    for _ in range(passes):
        # A proposal a little too wide keeps the weights bounded where the density's tail is the longer one.
        root = np.linalg.cholesky(covariance) * 1.15
        points = mean + grid.points @ root.T
        logs = log_density(points) + base
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        mean = weights @ points
        centred = points - mean
        covariance = (centred * weights[:, None]).T @ centred
        # Product rules integrate, they don't sample: only sampled nodes can be too few.
        effective = 1.0 if len(mean) <= 2 else 1.0 / float(len(weights) * (weights**2).sum())
    return Moments(mean, covariance, effective)
