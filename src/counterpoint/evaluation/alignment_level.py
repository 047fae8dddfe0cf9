"""How well a conversation fits a person, turn by turn: AL, IR, N-IR and N-R2 of ALOE (2024, arXiv 2410.03642).

    AL(k)    mean score over cases at turn k
    IR       slope of the least-squares line of AL on k
    N-AL(k)  (AL(k) - min AL) / (max AL - min AL)
    N-IR     slope of N-AL on k
    N-R2     coefficient of determination of that line

Axes: `case`, `turn`; turns count from 1. A score that could not be had is NaN and left out of its turn's mean; a turn
without any score is left out of the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.evaluation.stats import RESAMPLES, Interval, resample_counts, tails

Array = NDArray[np.float64]


class Line(NamedTuple):
    """A least-squares line over turns; None where fewer than two turns have a score, or AL never changes."""

    improvement_rate: float | None
    """IR, points a turn."""
    normalised_rate: float | None
    """N-IR, shares of the range a turn."""
    normalised_fit: float | None
    """N-R2, 1 at best."""


class Curve(NamedTuple):
    """One system's alignment over turns."""

    level: list[Interval]
    """AL(k) with its interval over cases, `[turn]`."""
    mean: Interval
    """Mean over turns of AL."""
    scored: list[int]
    """Scores behind it, `[turn]`."""
    improvement_rate: Interval
    normalised_rate: Interval
    normalised_fit: float | None
    gain: Interval
    """AL at the last turn minus AL at the first."""


def alignment_level(scores: Array) -> Array:
    """AL, `[turn]`, from scores `[case, turn]`; NaN where a turn has no score."""
    return np.asarray(_levels(np.ones((1, len(scores))), scores)[0])


def line(levels: Array) -> Line:
    """IR, N-IR and N-R2 from AL, `[turn]`."""
    slope = float(_slopes(levels[None])[0])
    normalised = _normalised(levels[None])
    rate = float(_slopes(normalised)[0])
    return Line(*(None if np.isnan(value) else float(value) for value in (slope, rate, _fit(normalised[0]))))


def curve(scores: Array, *, seed: int = 0, resamples: int = RESAMPLES, groups: Sequence[object] | None = None) -> Curve:
    """AL and its lines with intervals by resampling cases within `groups` (by default one).

    Raises:
        BadInputError: scores are not a table with a case and a turn at least.
    """
    if scores.ndim != 2 or 0 in scores.shape:
        raise BadInputError(f"scores have shape {scores.shape}; expected [case, turn], at least 1 of each")
    strata = list(groups) if groups is not None else [0] * len(scores)
    draws = _levels(np.vstack([np.ones(len(scores)), resample_counts(strata, seed=seed, resamples=resamples)]), scores)
    ends = tails(strata)
    normalised = _normalised(draws)
    return Curve(
        level=[_interval(draws[:, turn], ends) for turn in range(scores.shape[1])],
        mean=_interval(_means(draws), ends),
        scored=[int(n) for n in (~np.isnan(scores)).sum(0)],
        improvement_rate=_interval(_slopes(draws), ends),
        normalised_rate=_interval(_slopes(normalised), ends),
        normalised_fit=line(draws[0]).normalised_fit,
        gain=_interval(draws[:, -1] - draws[:, 0], ends),
    )


def relative_gain(
    scores: Array, base: Array, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[list[Interval], Interval]:
    """AL over a base's AL on the same cases, minus 1: at every turn, and the mean of that over turns.

    Cases are resampled for both at once.

    Args:
        scores: of the one, `[case, turn]`.
        base: of the other, the same cases.
        seed: of the resampling.
        resamples: bootstrap samples.

    Raises:
        BadInputError: the tables have different shapes.
    """
    if scores.shape != base.shape or scores.ndim != 2 or 0 in scores.shape:
        raise BadInputError(f"scores have shapes {scores.shape} and {base.shape}; expected the same cases and turns")
    strata = [0] * len(scores)
    counts = np.vstack([np.ones(len(scores)), resample_counts(strata, seed=seed, resamples=resamples)])
    with np.errstate(invalid="ignore"):
        draws = _levels(counts, scores) / _levels(counts, base) - 1
    ends = tails(strata)
    return [_interval(draws[:, turn], ends) for turn in range(scores.shape[1])], _interval(_means(draws), ends)


def _means(levels: Array) -> Array:
    """Mean over the turns that have a level: `[resample]`."""
    known = ~np.isnan(levels)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, levels, 0.0).sum(1) / known.sum(1))


def _levels(counts: Array, scores: Array) -> Array:
    """AL with cases counted `counts[resample, case]` times: `[resample, turn]`."""
    known = ~np.isnan(scores)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((counts @ np.where(known, scores, 0.0)) / (counts @ known.astype(float)))


def _slopes(levels: Array) -> Array:
    """Least-squares slope over the turns that have a level: `[resample]`; NaN with fewer than two."""
    known = ~np.isnan(levels)
    turns = np.arange(1, levels.shape[1] + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (known * turns).sum(1, keepdims=True) / known.sum(1, keepdims=True)
        away = np.where(known, turns - centre, 0.0)
        return np.asarray((away * np.where(known, levels, 0.0)).sum(1) / (away**2).sum(1))


def _normalised(levels: Array) -> Array:
    """N-AL, `[resample, turn]`; NaN throughout where AL never changes."""
    known = ~np.isnan(levels)
    low = np.where(known, levels, np.inf).min(1, keepdims=True)
    high = np.where(known, levels, -np.inf).max(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(high > low, (levels - low) / (high - low), np.nan))


def _fit(levels: Array) -> float:
    """R2 of the least-squares line over the turns that have a level."""
    known = ~np.isnan(levels)
    turns = np.arange(1, len(levels) + 1)[known]
    values = levels[known]
    if len(values) < 2:
        return float("nan")
    away = turns - turns.mean()
    slope = (away @ values) / (away @ away)
    residual = values - values.mean() - slope * away
    return float(1 - (residual @ residual) / ((values - values.mean()) ** 2).sum())


def _interval(draws: Array, ends: tuple[float, float]) -> Interval:
    """The first draw is the data's own."""
    known = draws[1:][~np.isnan(draws[1:])]
    if np.isnan(draws[0]) or not len(known):
        return Interval(None, None, None)
    low, high = np.quantile(known, ends)
    return Interval(float(draws[0]), float(low), float(high))
