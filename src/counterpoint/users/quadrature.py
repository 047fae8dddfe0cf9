"""Expectations under a Gaussian, and moments of a density that is nearly one.

One and two dimensions: Gauss-Hermite product rules. More: scrambled Sobol points with a fixed seed, mirrored at 0 and
whitened, so that mean and covariance of a Gaussian come out exactly; a fixed rule makes beliefs a pure function of
events.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri
from scipy.stats import qmc

from counterpoint.users.belief import Matrix, Vector

Array = NDArray[np.float64]
Grid = Literal["fine", "coarse", "rough"]

_SEED = 20260412
_SIZES = {"fine": (96, 40, 1024), "coarse": (64, 20, 512), "rough": (32, 12, 128)}
"""Number of nodes in one dimension, along each axis in two, and in all in three and more (a power of two)."""


class Nodes(NamedTuple):
    """Points of a standard normal `[node, dimension]` and their weights `[node]`, which add up to 1."""

    points: Matrix
    weights: Vector


class Moments(NamedTuple):
    """Of one density a row. Axes: `row`, `dimension`.

    Attributes:
        mean: `[row, dimension]`.
        covariance: `[row, dimension, dimension]`.
        log_mass: `[row]`, log of the integral of the density, nats.
        effective: `[row]`, effective share of the nodes, 0 to 1; 1 for product rules, which don't sample.
    """

    mean: Array
    covariance: Array
    log_mass: Array
    effective: Array


@cache
def nodes(dimension: int, grid: Grid = "fine") -> Nodes:
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


def moments(
    log_density: Callable[[Array], Array], *, mean: Array, covariance: Array, passes: int = 3, grid: Grid = "fine"
) -> Moments:
    """Moments by importance-weighted nodes, re-centred on their own answer `passes` times.

    Args:
        log_density: unnormalised, from points `[row, node, dimension]` to `[row, node]`, nats.
        mean: where each density roughly is, `[row, dimension]`.
        covariance: how wide each roughly is, `[row, dimension, dimension]`.
        passes: how often to place the nodes.
        grid: how many nodes.
    """
    rows, size = mean.shape
    fixed, base = nodes(size, grid)
    base = np.log(np.maximum(base, 1e-300)) + 0.5 * (fixed**2).sum(axis=1)
    base = base + 0.5 * size * np.log(2 * np.pi)
    log_mass, effective = np.zeros(rows), np.ones(rows)
    for _ in range(passes):
        # A proposal a little too wide keeps the weights bounded where the density's tail is the longer one.
        root = np.linalg.cholesky(covariance) * 1.15
        points = mean[:, None, :] + fixed @ root.transpose(0, 2, 1)
        logs = log_density(points) + base + np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)[:, None]
        log_mass = logsumexp(logs, axis=1)
        weights = np.exp(logs - log_mass[:, None])
        mean = (weights[:, None, :] @ points)[:, 0]
        centred = points - mean[:, None, :]
        covariance = (centred * weights[:, :, None]).transpose(0, 2, 1) @ centred
        if size > 2:
            effective = 1.0 / (weights.shape[1] * (weights**2).sum(axis=1))
    return Moments(mean, covariance, log_mass, effective)
