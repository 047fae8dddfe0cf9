"""Where people are: a prior for newcomers, learnt from many people by empirical Bayes.

Parametric empirical Bayes (Morris 1983, doi:10.2307/2287098) by expectation-maximisation (Dempster, Laird and Rubin
1977): mean and covariance of N(m, S) such that everybody's choices are likeliest, each person's vector integrated
out.

Departure: S is shrunk towards the unit matrix by `caution` imaginary people, the mode under an inverse-Wishart prior,
so that a few people, or value pairs nobody was asked about, give no degenerate prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from counterpoint.users.belief import Belief
from counterpoint.users.laplace import Batch, integrate, stack
from counterpoint.users.model import Observation

_AT_ONCE = 64
"""People integrated together: keeps the arrays in tens of megabytes."""


class Population(NamedTuple):
    """A prior for newcomers and the log-evidence (nats) of each step on the way to it, which never falls by much."""

    prior: Belief
    log_evidence: tuple[float, ...]


def fit_population(
    people: Sequence[Sequence[Observation]], start: Belief, *, caution: float = 5.0, steps: int = 30
) -> Population:
    """The prior under which these people's observations are likeliest.

    Args:
        people: observations of each person; one person's are exchangeable.
        start: where to begin, such as a flat belief; also the answer when there is nobody.
        caution: number of imaginary people with unit covariance.
        steps: at most so many steps; stops when the evidence rises by less than 0.1 nats a hundred people.
    """
    known = [observations for observations in people if observations]
    if not known:
        return Population(start, ())
    batches = [stack(known[i : i + _AT_ONCE], start.size) for i in range(0, len(known), _AT_ONCE)]
    prior, history = start, [-np.inf]
    for _ in range(steps):
        prior, evidence = _improve(batches, prior, caution)
        history.append(evidence)
        if history[-1] - history[-2] < 1e-3 * len(known):
            break
    return Population(prior, tuple(history[1:]))


def _improve(batches: Sequence[Batch], prior: Belief, caution: float) -> tuple[Belief, float]:
    """One step of expectation-maximisation, and the log-evidence of the prior that went in."""
    results = [integrate(batch, prior, grid="coarse") for batch in batches]
    means = np.concatenate([result.mean for result in results])
    covariances = np.concatenate([result.covariance for result in results])
    mean = means.sum(axis=0) / (len(means) + caution)
    away = means - mean
    total = covariances.sum(axis=0) + away.T @ away + caution * (np.eye(prior.size) + np.outer(mean, mean))
    evidence = float(sum(result.log_evidence.sum() for result in results))
    return Belief(mean, total / (len(means) + caution)), evidence
