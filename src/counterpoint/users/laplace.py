"""Gaussian posteriors of preference vectors under linear softmax choices (Laplace's method, and better where cheap).

Axes: `person` (P), `observation` (N), `alternative` (A), `value_pair` (K). The log-posterior is concave, so the mode
is unique, whatever the order of the observations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from counterpoint.users.belief import Belief
from counterpoint.users.model import Observation
from counterpoint.users.quadrature import Array, Grid, moments

_NOWHERE = -1e9
"""Bias of padding: an alternative nobody can take."""
_STEPS, _TOLERANCE = 60, 1e-10
_EXACT_UP_TO = 8
"""Dimensions up to which posterior moments are integrated; beyond, mode and curvature stand."""
_LEAST_EFFECTIVE = 0.02
"""Share of effective nodes below which an integral is not believed and Laplace's answer stands."""


@dataclass(frozen=True)
class Batch:
    """Observations of many people, padded; weight 0 is padding.

    Attributes:
        features: `[person, observation, alternative, value_pair]`.
        bias: `[person, observation, alternative]`.
        chosen: `[person, observation]`, int.
        weight: `[person, observation]`.
    """

    features: Array
    bias: Array
    chosen: NDArray[np.intp]
    weight: Array


class Posterior(NamedTuple):
    """Means `[person, value_pair]`, covariances `[person, value_pair, value_pair]`, log evidence `[person]` in nats."""

    mean: Array
    covariance: Array
    log_evidence: Array


def stack(people: Sequence[Sequence[Observation]], size: int) -> Batch:
    """Pad the observations of several people into arrays; `size` is K."""
    longest = max((len(observations) for observations in people), default=0)
    widest = max((len(o.question.bias) for observations in people for o in observations), default=1)
    features = np.zeros((len(people), longest, widest, size))
    bias = np.full((len(people), longest, widest), _NOWHERE)
    bias[:, :, 0] = 0.0
    chosen = np.zeros((len(people), longest), dtype=np.intp)
    weight = np.zeros((len(people), longest))
    for p, observations in enumerate(people):
        for n, observation in enumerate(observations):
            question = observation.question
            width = len(question.bias)
            features[p, n, :width] = question.features
            bias[p, n, :width] = question.bias
            chosen[p, n], weight[p, n] = observation.chosen, observation.weight
    return Batch(features, bias, chosen, weight)


def log_likelihood(batch: Batch, vectors: Array) -> Array:
    """Log-likelihood of each person's observations at vectors `[person, value_pair]`: `[person]`, nats."""
    logits = np.einsum("pnak,pk->pna", batch.features, vectors) + batch.bias
    taken = np.take_along_axis(log_softmax(logits, axis=2), batch.chosen[:, :, None], axis=2)[:, :, 0]
    total: Array = (batch.weight * taken).sum(axis=1)
    return total


def laplace(batch: Batch, mean: Array, covariance: Array) -> Posterior:
    """Modes by Newton's method with step halving, and inverse curvature there.

    Args:
        batch: observations.
        mean: prior means `[value_pair]` or `[person, value_pair]`.
        covariance: prior covariances `[value_pair, value_pair]` or `[person, value_pair, value_pair]`.
    """
    people, size = batch.features.shape[0], batch.features.shape[3]
    mean = np.broadcast_to(mean, (people, size))
    precision = np.broadcast_to(np.linalg.inv(covariance), (people, size, size))

    def objective(vectors: Array) -> Array:
        away = vectors - mean
        value: Array = log_likelihood(batch, vectors) - 0.5 * np.einsum("pk,pkl,pl->p", away, precision, away)
        return value

    vectors = mean.copy()
    value = objective(vectors)
    for _ in range(_STEPS):
        gradient, curvature = _derivatives(batch, vectors)
        gradient -= np.einsum("pkl,pl->pk", precision, vectors - mean)
        step = np.linalg.solve(curvature + precision, gradient[:, :, None])[:, :, 0]
        size_of_step = np.ones(people)
        for _ in range(30):
            trial = vectors + size_of_step[:, None] * step
            trial_value = objective(trial)
            worse = trial_value < value - 1e-12
            if not worse.any():
                break
            size_of_step[worse] /= 2
        better = trial_value >= value - 1e-12
        vectors, value = np.where(better[:, None], trial, vectors), np.where(better, trial_value, value)
        if np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    _, curvature = _derivatives(batch, vectors)
    posterior = np.linalg.inv(curvature + precision)
    ratio = np.linalg.slogdet(posterior @ precision)[1]
    return Posterior(vectors, (posterior + posterior.transpose(0, 2, 1)) / 2, value + 0.5 * ratio)


def _derivatives(batch: Batch, vectors: Array) -> tuple[Array, Array]:
    """Gradient `[person, value_pair]` and negative Hessian `[person, value_pair, value_pair]` of the log-likelihood."""
    logits = np.einsum("pnak,pk->pna", batch.features, vectors) + batch.bias
    probability = np.exp(log_softmax(logits, axis=2))
    centre = np.einsum("pna,pnak->pnk", probability, batch.features)
    taken = np.take_along_axis(batch.features, batch.chosen[:, :, None, None], axis=2)[:, :, 0]
    gradient = np.einsum("pn,pnk->pk", batch.weight, taken - centre)
    weighted = batch.features * (probability * batch.weight[:, :, None])[..., None]
    people, size = vectors.shape
    flat = batch.features.reshape(people, -1, size)
    curvature = weighted.reshape(people, -1, size).transpose(0, 2, 1) @ flat
    curvature -= (centre * batch.weight[:, :, None]).transpose(0, 2, 1) @ centre
    return gradient, curvature


def integrate(batch: Batch, prior: Belief, *, grid: Grid = "fine") -> Posterior:
    """Posterior means and covariances of many people, given all their observations at once.

    Up to eight value pairs the moments are integrated around Laplace's answer; in more, Laplace's answer stands.
    """
    start = laplace(batch, prior.mean, prior.covariance)
    if prior.size > _EXACT_UP_TO:
        return start
    precision = np.linalg.inv(prior.covariance)
    constant = 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * prior.size * np.log(2 * np.pi)
    taken = np.take_along_axis(batch.features, batch.chosen[:, :, None, None], axis=2)
    against = batch.features - taken
    bias = batch.bias - np.take_along_axis(batch.bias, batch.chosen[:, :, None], axis=2)
    people, count, width, size = against.shape
    flat = against.reshape(people, count * width, size).transpose(0, 2, 1)

    def log_density(points: Array) -> Array:
        odds = (points @ flat).reshape(people, -1, count, width) + bias[:, None]
        away = points - prior.mean
        density: Array = -0.5 * ((away @ precision) * away).sum(axis=2) + constant
        density -= (logsumexp(odds, axis=3) * batch.weight[:, None, :]).sum(axis=2)
        return density

    passes = 3 if grid == "fine" else 2
    result = moments(log_density, mean=start.mean, covariance=start.covariance, passes=passes, grid=grid)
    good = result.effective >= _LEAST_EFFECTIVE
    return Posterior(
        np.where(good[:, None], result.mean, start.mean),
        np.where(good[:, None, None], result.covariance, start.covariance),
        np.where(good, result.log_mass, start.log_evidence),
    )


def posterior(observations: Sequence[Observation], prior: Belief) -> Belief:
    """One person's posterior given all observations at once: their order makes no difference."""
    if not observations:
        return prior
    result = integrate(stack([observations], prior.size), prior)
    time = max(observation.question.time for observation in observations)
    count = prior.count + len(observations)
    return Belief(result.mean[0], result.covariance[0], max(time, prior.time), count, prior.changed)
