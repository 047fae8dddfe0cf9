"""From grades to tables: AL by turn and its lines for every method, differences by case, gains over the base.

Grades are `[case, turn]` for each method and training seed, NaN where there is none. Seeds are averaged case by case
before cases are resampled; how far they are from each other stands beside (`sd_seeds`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.evaluation.alignment_level import alignment_level, curve, line, relative_gain
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.stats import Interval
from counterpoint.evaluation.suite_counts import Counts, Score
from counterpoint.evaluation.tables import rounded

Array = NDArray[np.float64]
Grades = Mapping[tuple[str, int], Array]
"""By method and training seed."""

AL, GAIN, RATE = "al", "gain", "ir"
"""Mean over turns of AL; AL at the last turn minus AL at the first; IR."""

LABELS = {name: own.label for name, own in label_methods(("base", "sft", "dpo", "sft+dpo")).items()}

PAPER = {"source": "arXiv 2410.03642", "relative_mean": 0.32, "relative_by_turn": [0.108, 0.133]}
"""What ALOE reports over its base models: on average, and least and most at any turn."""


def at(turn: int) -> str:
    """The metric of AL at a turn, the first being 1."""
    return f"{AL}_{turn}"


def tables(grades: Grades, cases: Sequence[str], *, base: str, resamples: int) -> dict[str, Any]:
    """`rows`, `summary`, `paired` and `relative` of `results.json`.

    Args:
        grades: everybody's.
        cases: the cases' ids.
        base: the method that the others' gains are over.
        resamples: bootstrap samples.
    """
    methods = list(dict.fromkeys(method for method, _ in grades))
    levels = {m: _over_seeds([table for (name, _), table in grades.items() if name == m]) for m in methods}
    relative = []
    for method in methods:
        if base in levels and method != base:
            relative += _relative(method, levels[method], levels[base], resamples)
    return {
        "rows": _rows(grades),
        "summary": [row for m in methods for row in _summary(m, grades, levels[m], resamples)],
        "paired": _paired(levels, cases),
        "relative": relative,
    }


def _rows(grades: Grades) -> list[dict[str, Any]]:
    """AL of every method, seed and turn."""
    return [
        {
            "method": method,
            "seed": seed,
            "turn": turn + 1,
            "metric": AL,
            "value": rounded(float(level)),
            "n": int((~np.isnan(table[:, turn])).sum()),
        }
        for (method, seed), table in grades.items()
        for turn, level in enumerate(alignment_level(table))
    ]


def _summary(method: str, grades: Grades, level: Array, resamples: int) -> list[dict[str, Any]]:
    tables = [table for (name, _), table in grades.items() if name == method]
    known = sum(int((~np.isnan(table)).sum()) for table in tables)
    failed = sum(table.size for table in tables) - known
    found = curve(level, resamples=resamples)
    by_seed = [alignment_level(table) for table in tables]
    lines = [line(levels) for levels in by_seed]

    def row(metric: str, interval: Interval, seeds: Sequence[float | None], n: int = known) -> dict[str, Any]:
        return {
            "method": method,
            "metric": metric,
            "mean": rounded(interval.mean),
            "ci_low": rounded(interval.low),
            "ci_high": rounded(interval.high),
            "sd_seeds": rounded(_spread(seeds)),
            "seeds": len(tables),
            "n": n,
            "failed": failed,
        }

    fit = Interval(found.normalised_fit, None, None)
    rows = [
        row(AL, found.mean, [float(np.nanmean(levels)) if known else None for levels in by_seed]),
        row(GAIN, found.gain, [float(levels[-1] - levels[0]) for levels in by_seed]),
        row(RATE, found.improvement_rate, [of.improvement_rate for of in lines]),
        row("n_ir", found.normalised_rate, [of.normalised_rate for of in lines]),
        row("n_r2", fit, [of.normalised_fit for of in lines]),
    ]
    for turn, interval in enumerate(found.level):
        scored = sum(int((~np.isnan(table[:, turn])).sum()) for table in tables)
        rows.append(
            row(at(turn + 1), interval, [float(levels[turn]) for levels in by_seed], scored) | {"turn": turn + 1}
        )
    return rows


def _relative(method: str, level: Array, base: Array, resamples: int) -> list[dict[str, Any]]:
    """AL over the base's, minus 1, at every turn, and its mean over turns (turn null)."""
    by_turn, mean = relative_gain(level, base, resamples=resamples)
    return [
        {"method": method, "turn": turn, "mean": rounded(i.mean), "ci_low": rounded(i.low), "ci_high": rounded(i.high)}
        for turn, i in [(None, mean), *enumerate(by_turn, 1)]
    ]


def _paired(levels: Mapping[str, Array], cases: Sequence[str]) -> list[dict[str, Any]]:
    """Differences case by case, over cases in which both have every grade that the metric needs."""
    scores = [
        Score(method, 0, "case", case, "case", metric, value)
        for method, table in levels.items()
        for case, row in zip(cases, table, strict=True)
        for metric, value in _of_case(row).items()
        if not np.isnan(value)
    ]
    turns = next(iter(levels.values())).shape[1]
    metrics = (AL, at(turns), GAIN, RATE)
    return Counts(scores, list(levels), [0]).paired(metrics, LABELS)


def _of_case(row: Array) -> dict[str, float]:
    """What one case contributes to each paired metric, from its grades `[turn]`."""
    turns = np.arange(len(row)) - (len(row) - 1) / 2
    slope = float(row @ turns / (turns @ turns)) if len(row) > 1 else float("nan")
    return {AL: float(row.mean()), at(len(row)): float(row[-1]), GAIN: float(row[-1] - row[0]), RATE: slope}


def _over_seeds(tables: Sequence[Array]) -> Array:
    """The mean over training seeds of a case's grades at a turn, those that there are: `[case, turn]`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no grade at all is NaN, as it should be
        return np.asarray(np.nanmean(np.stack(tables), axis=0))


def _spread(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and not np.isnan(value)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None
