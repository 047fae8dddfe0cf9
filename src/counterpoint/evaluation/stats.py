"""Honest statistics: intervals clustered by scenario, paired permutation tests, Holm's correction.

Everything works on one table of contributions: `values[unit, cell]` and `weights[unit, cell]`, where a unit is what was
sampled (a scenario, a person) and a cell is what is averaged over with equal say (a pole in a seed). The statistic is
the mean over cells of the weighted mean within the cell, so a pole with few dilemmas counts as much as one with many,
and a scenario that recurs over seeds stays one unit. An undefined cell (no weight) is left out of the mean and
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Array = NDArray[np.float64]

RESAMPLES = 2000
ROUNDING = 1e-12
EXACT_UP_TO = 14
"""Units up to which the sign-flip test enumerates all 2^n flips instead of drawing them."""


class Interval(NamedTuple):
    """A mean with a percentile bootstrap interval; None where it is undefined."""

    mean: float | None
    low: float | None
    high: float | None


def cell_mean(values: Array, weights: Array) -> float:
    """Mean over defined cells of the weighted mean within each, from `[unit, cell]` tables; NaN if none is defined."""
    return float(_cell_means(np.ones((1, len(values))), values, weights)[0])


def bootstrap(
    values: Array,
    weights: Array,
    strata: Sequence[object],
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of `cell_mean` by resampling units within strata (Efron and Tibshirani 1993).

    Percentiles of the resamples, with three corrections without which intervals are too narrow where units are few:
    `resample_counts` draws one unit fewer than there are (Rao and Wu 1988), the percentiles are widened as Student's t
    widens the normal (Hesterberg 2015, arXiv 1411.5279), and moved for bias and skew (BCa, Efron 1987). Coverage of
    95% intervals by simulation is 0.94 to 0.95 from 12 units up, where plain percentiles have 0.89 to 0.94. A share so
    near 0 or 1 that a sample may be all alike is beyond any bootstrap.

    Args:
        values: `[unit, cell]`; entries without weight are ignored.
        weights: `[unit, cell]`, how many answers a unit gives a cell (usually 0 or 1).
        strata: `[unit]`; each stratum keeps its size, so that no pole loses all its dilemmas in a resample.
        seed: of the resampling.
        level: coverage.
        resamples: number of bootstrap samples.
    """
    mean = cell_mean(values, weights)
    if np.isnan(mean):
        return Interval(None, None, None)
    counts = resample_counts(strata, seed=seed, resamples=resamples)
    draws = _cell_means(counts, values, weights)
    skew = _acceleration(values, weights, strata)
    low, high = np.nanquantile(draws, tails(strata, level=level, bias=_bias(draws, mean), skew=skew))
    return Interval(mean, min(mean, float(low)), max(mean, float(high)))


def tails(
    strata: Sequence[object], *, level: float = 0.95, bias: float = 0.0, skew: float = 0.0
) -> tuple[float, float]:
    """The shares of bootstrap samples below an interval's two ends.

    Phi(b + (b + t) / (1 - a (b + t))) with bias b, acceleration a and Student's t quantile t in place of the normal's.
    """
    freedom = len(strata) - len(set(strata))
    reach = float(ndtri((1 + level) / 2) if freedom < 1 else stdtrit(freedom, (1 + level) / 2))
    low, high = (bias + (bias + t) / (1 - skew * (bias + t)) for t in (-reach, reach))
    return float(ndtr(low)), float(ndtr(high))


def _bias(draws: Array, mean: float) -> float:
    """z0 of BCa: how far the median of the resamples is from the estimate, in standard normal units."""
    below = ((draws < mean - ROUNDING).mean() + (draws <= mean + ROUNDING).mean()) / 2
    return float(ndtri(np.clip(below, 1 / len(draws), 1 - 1 / len(draws))))


def _acceleration(values: Array, weights: Array, strata: Sequence[object]) -> float:
    """a of BCa: a sixth of the skewness of the units' influence on the statistic, centred within strata."""
    weight = weights.sum(0)
    share = np.divide(weights, weight, out=np.zeros_like(weights), where=weight > 0) / (weight > 0).sum()
    known = np.where(weights > 0, values, 0.0)
    influence = (share * known).sum(1) - share @ (known * share).sum(0) * (weight > 0).sum()
    _, group = np.unique([str(stratum) for stratum in strata], return_inverse=True)
    influence -= (np.bincount(group, influence) / np.bincount(group))[group]
    spread = (influence**2).sum() ** 1.5
    return float((influence**3).sum() / (6 * spread)) if spread > ROUNDING else 0.0


def resample_counts(strata: Sequence[object], *, seed: int, resamples: int = RESAMPLES) -> Array:
    """How often each unit counts in each bootstrap sample: `[resample, unit]`.

    From a stratum of n units n - 1 are drawn, each counting n / (n - 1): the variance of a mean is then estimated
    without bias, where n draws give (n - 1) / n of it (Rao and Wu 1988, doi:10.1080/01621459.1988.10478591).
    """
    generator = np.random.default_rng(seed)
    counts = np.zeros((resamples, len(strata)))
    for stratum in sorted(set(strata), key=str):
        members = np.flatnonzero([s == stratum for s in strata])
        n, drawn = len(members), max(1, len(members) - 1)
        counts[:, members] = generator.multinomial(drawn, np.full(n, 1 / n), resamples) * (n / drawn)
    return counts


def _cell_means(counts: Array, values: Array, weights: Array) -> Array:
    """`cell_mean` with units repeated `counts[resample, unit]` times: `[resample]`."""
    total = counts @ np.where(weights > 0, values * weights, 0.0)
    weight = counts @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        cells = total / weight
    defined = weight > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = np.where(defined, cells, 0.0).sum(1) / defined.sum(1)
    return means


def sign_flip_test(differences: Array, weights: Array, *, seed: int = 0, draws: int = 10_000) -> float | None:
    """Two-sided p-value that paired differences are centred on 0, by flipping whole units (Fisher 1935).

    A unit's differences in all its cells flip together. Exact over all 2^n flips for few units; otherwise drawn, with
    the observed one counted in, so that p is never 0. None where there is nothing to test.

    Args:
        differences: `[unit, cell]`, method a minus method b.
        weights: `[unit, cell]`.
        seed: of the drawn flips.
        draws: number of drawn flips.
    """
    weight = weights.sum(0)
    if not (weight > 0).any():
        return None
    share = np.where(weight > 0, weights / np.where(weight > 0, weight, 1), 0.0) / (weight > 0).sum()
    contribution = np.where(weights > 0, differences * share, 0.0).sum(1)
    contribution = contribution[np.abs(contribution) > 1e-15]
    observed, slack = abs(contribution.sum()), 1e-12
    n = len(contribution)
    if n <= EXACT_UP_TO:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ contribution) >= observed - slack).mean())
    generator = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, draws, 1000):
        signs = generator.integers(0, 2, (min(1000, draws - start), n)) * 2 - 1
        extreme += int((np.abs(signs @ contribution) >= observed - slack).sum())
    return (1 + extreme) / (1 + draws)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) step-down adjusted p-values over the comparisons that are defined, in the order given."""
    defined = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(defined):
        running = max(running, min(1.0, (len(defined) - rank) * p))
        adjusted[i] = running
    return adjusted
