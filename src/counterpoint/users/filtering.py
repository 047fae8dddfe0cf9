"""One observation at a time, at a cost that doesn't grow with history: assumed-density filtering (Opper 1998).

After each observation the posterior is replaced by the Gaussian of the same mean and covariance. These are integrals
over the log-odds of the alternatives against the chosen one, u ~ N(D m + b, D S D'), with D the differences of
evidence: a few dimensions at most, whatever K is. Axes: `row` (one belief), `other` (alternatives but the chosen
one), `value_pair`.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.users.belief import Belief
from counterpoint.users.laplace import Batch, laplace
from counterpoint.users.model import Observation
from counterpoint.users.quadrature import Array, Grid, nodes

_LEAST_MASS = 0.02
"""Probability of a choice below which nodes placed by the prior miss too much; such rows are left to Laplace."""


class Filtered(NamedTuple):
    """Beliefs after one observation each, and how likely it was.

    `mean` is `[row, value_pair]`, `covariance` `[row, value_pair, value_pair]`, `log_predictive` `[row]`, nats.
    """

    mean: Array
    covariance: Array
    log_predictive: Array


class Contrast(NamedTuple):
    """Observations as differences from the chosen alternative; rows may be fewer alternatives than the array is wide.

    `features` is `[row, other, value_pair]`, `bias` `[row, other]` (padding: -1e9), `weight` `[row]`.
    """

    features: Array
    bias: Array
    weight: Array


def contrast(observation: Observation) -> Contrast:
    """One observation as one row."""
    question, chosen = observation.question, observation.chosen
    others = _others(len(question.bias), chosen)
    features = question.features[others] - question.features[chosen]
    bias = question.bias[others] - question.bias[chosen]
    return Contrast(features[None], bias[None], np.array([observation.weight]))


def filter_rows(mean: Array, covariance: Array, seen: Contrast, *, grid: Grid = "coarse") -> Filtered:
    """Update every row's belief by its observation; one row of `seen` may serve all rows.

    Args:
        mean: `[row, value_pair]`.
        covariance: `[row, value_pair, value_pair]`.
        seen: one row for all, or one each.
        grid: how many nodes.
    """
    root, unit = _coordinates(seen.features, covariance)
    width = root.shape[-1]
    points, base = nodes(width, grid)
    centre = (seen.features @ mean[:, :, None])[:, :, 0] + seen.bias
    odds = points @ root.transpose(0, 2, 1)
    odds += centre[:, None, :]
    probability = 1.0 / (1.0 + np.exp(np.minimum(odds, 700.0, out=odds), out=odds).sum(axis=2))
    weights = base * probability ** seen.weight[:, None]
    total = weights.sum(axis=1)
    weights /= np.maximum(total, 1e-300)[:, None]
    first = weights @ points
    lost = np.eye(width) - (points.T * weights[:, None, :]) @ points + first[:, :, None] * first[:, None, :]
    new_mean = mean + (first[:, None, :] @ unit)[:, 0]
    new_covariance = covariance - unit.transpose(0, 2, 1) @ (lost @ unit)
    missed = total < _LEAST_MASS
    log_predictive = np.log(np.maximum(total, 1e-300))
    if missed.any():
        rows = np.flatnonzero(missed)
        part = laplace(_batch(seen, rows), mean[rows], covariance[rows])
        new_mean[rows], new_covariance[rows], log_predictive[rows] = part
    return Filtered(new_mean, new_covariance, log_predictive)


def _coordinates(features: Array, covariance: Array) -> tuple[Array, Array]:
    """The fewest standard normal coordinates z that carry the log-odds.

    Returns `root` `[row, other, z]`, with root z the log-odds less their mean, and `unit` `[row, z, value_pair]`,
    the covariance of z with the preference vector.
    """
    if features.shape[1] >= features.shape[2]:
        whole = np.asarray(np.linalg.cholesky(covariance), np.float64)
        return features @ whole, whole.transpose(0, 2, 1)
    gain = features @ covariance
    spread = gain @ features.transpose(0, 2, 1)
    jitter = 1e-12 * np.trace(spread, axis1=1, axis2=2)[:, None, None] + 1e-300
    root = np.asarray(np.linalg.cholesky(spread + jitter * np.eye(spread.shape[-1])), np.float64)
    return root, np.asarray(np.linalg.solve(root, gain), np.float64)


def step(belief: Belief, observation: Observation) -> Belief:
    """One person, one observation: belief in, belief out."""
    result = filter_rows(belief.mean[None], belief.covariance[None], contrast(observation))
    time = max(belief.time, observation.question.time)
    return Belief(result.mean[0], result.covariance[0], time, belief.count + 1, belief.changed)


@cache
def _others(count: int, chosen: int) -> NDArray[np.intp]:
    """Indices below `count` without `chosen`."""
    return np.array([index for index in range(count) if index != chosen], dtype=np.intp)


def _batch(seen: Contrast, rows: NDArray[np.intp]) -> Batch:
    """Rows as a batch with the chosen alternative, all zeros, in front."""
    pick = rows if len(seen.features) > 1 else np.zeros(len(rows), dtype=np.intp)
    features = np.concatenate([np.zeros_like(seen.features[pick][:, :1]), seen.features[pick]], axis=1)[:, None]
    bias = np.concatenate([np.zeros((len(rows), 1)), seen.bias[pick]], axis=1)[:, None]
    return Batch(features, bias, np.zeros((len(rows), 1), dtype=np.intp), seen.weight[pick][:, None])
