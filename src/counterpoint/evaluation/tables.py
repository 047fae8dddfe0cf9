"""From answers to the tables of `results.json`: rows, summaries with intervals, differences with p-values.

Units are scenarios (dilemmas that share one count as one), cells are (seed, pole); `stats` says what follows from that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from counterpoint.evaluation import stats
from counterpoint.evaluation.metrics import (
    Answer,
    Metric,
    acc_all,
    acc_one,
    measure,
    negative_log_likelihood,
    reliability,
    unreadable,
)
from counterpoint.evaluation.stats import Array, Interval
from counterpoint.types import Taxonomy

ECE_BINS = 10
PAIRED_METRICS = ("acc_one", "acc_all")
ALPHA = 0.05


@dataclass(frozen=True)
class Cell:
    """All answers of one method with one seed. `changed[answer]` is 1 where another option order changed the choice."""

    method: str
    seed: int
    answers: tuple[Answer, ...]
    changed: tuple[float, ...]


class Table(NamedTuple):
    """One method's contributions to one metric: `[unit, cell]` each."""

    values: Array
    weights: Array


_TERMS: dict[str, Callable[[Answer, float], tuple[float, float]]] = {
    "acc_one": lambda a, _: (acc_one(a), 1),
    "acc_all": lambda a, _: (acc_all(a.selected, a.gold), 1),
    "precision": lambda a, _: (len(set(a.selected) & set(a.gold)) / max(1, len(a.selected)), len(a.selected)),
    "recall": lambda a, _: (len(set(a.selected) & set(a.gold)) / max(1, len(a.gold)), len(a.gold)),
    "f1": lambda a, _: (
        2 * len(set(a.selected) & set(a.gold)) / max(1, len(a.selected) + len(a.gold)),
        len(a.selected) + len(a.gold),
    ),
    "nll": lambda a, _: (negative_log_likelihood(a), 1) if a.log_probs else (0.0, 0),
    "order_effect": lambda _, changed: (changed, 1),
}
"""Metric to (value, weight) of one answer; the weighted mean of values within a cell is the metric."""

METRICS = (*_TERMS, "ece")
IN_WORDS = "unreadable"
"""The metric of methods that were asked in words; a run in which none was has no rows of it."""
_TERMS[IN_WORDS] = lambda a, _: (unreadable(a), 1) if a.replies else (0.0, 0)


class Evaluation:
    """Every table over the cells of a run; `units` maps a dilemma's id to its scenario."""

    def __init__(self, cells: Sequence[Cell], taxonomy: Taxonomy, units: Mapping[str, str], *, seed: int = 0) -> None:
        self.cells, self.taxonomy, self.seed = list(cells), taxonomy, seed
        self.methods = list(dict.fromkeys(cell.method for cell in cells))
        self.seeds = sorted({cell.seed for cell in cells})
        pairs = {a.dilemma: a.value_pair for cell in cells for a in cell.answers}
        self.unit_names = sorted({units[dilemma] for dilemma in pairs})
        self._unit = {dilemma: self.unit_names.index(units[dilemma]) for dilemma in pairs}
        strata = {self._unit[dilemma]: pair for dilemma, pair in pairs.items()}
        self.strata = [strata[i] for i in range(len(self.unit_names))]
        present = {a.pole for cell in cells for a in cell.answers}
        self.poles = [pole.name for pole in taxonomy.poles if pole.name in present]
        self._tables: dict[tuple[str, str], Table] = {}

    def rows(self) -> list[dict[str, Any]]:
        """One row a method, seed, pole and metric."""
        rows = []
        for cell in self.cells:
            for pole in self.poles:
                pairs = [(a, c) for a, c in zip(cell.answers, cell.changed, strict=True) if a.pole == pole]
                metrics = measure([a for a, _ in pairs])
                metrics["order_effect"] = Metric(float(np.mean([c for _, c in pairs])) if pairs else None, len(pairs))
                head = {"method": cell.method, "seed": cell.seed, "value_pair": self.taxonomy.by_pole[pole].name}
                rows += [
                    {**head, "pole": pole, "metric": name, "value": rounded(m.value), "n": m.n}
                    for name, m in metrics.items()
                ]
        return rows

    def summary(self, metrics: Sequence[str] = ()) -> list[dict[str, Any]]:
        """One row a method and metric (all where none are named): mean over poles and seeds with its interval."""
        said = any(answer.replies for cell in self.cells for answer in cell.answers)
        metrics = metrics or ((*METRICS, IN_WORDS) if said else METRICS)
        return [self._summary_row(method, metric) for method in self.methods for metric in metrics]

    def _summary_row(self, method: str, metric: str) -> dict[str, Any]:
        answers = [a for cell in self.cells if cell.method == method for a in cell.answers]
        if metric == "ece":
            interval, by_seed, undefined = self._ece(method)
        else:
            table = self.table(method, metric)
            interval = stats.bootstrap(table.values, table.weights, self.strata, seed=self.seed)
            width = len(self.poles)
            by_seed = [
                stats.cell_mean(
                    table.values[:, i * width : (i + 1) * width], table.weights[:, i * width : (i + 1) * width]
                )
                for i in range(len(self.seeds))
            ]
            undefined = int((table.weights.sum(0) == 0).sum())
        spread = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 and not np.isnan(by_seed).any() else None
        return {
            "method": method,
            "metric": metric,
            "mean": rounded(interval.mean),
            "ci_low": rounded(interval.low),
            "ci_high": rounded(interval.high),
            "sd_seeds": rounded(spread),
            "seeds": len(self.seeds),
            "n": len(answers),
            "undefined": undefined,
        }

    def per_pole(self) -> list[dict[str, Any]]:
        """Acc_one of each method on each pole, over seeds, with its interval."""
        rows = []
        for method in self.methods:
            table = self.table(method, "acc_one")
            for i, pole in enumerate(self.poles):
                columns = slice(i, None, len(self.poles))
                values, weights = table.values[:, columns], table.weights[:, columns]
                interval = stats.bootstrap(values, weights, self.strata, seed=self.seed)
                rows.append(
                    {
                        "method": method,
                        "value_pair": self.taxonomy.by_pole[pole].name,
                        "pole": pole,
                        "metric": "acc_one",
                        "mean": rounded(interval.mean),
                        "ci_low": rounded(interval.low),
                        "ci_high": rounded(interval.high),
                        "n": int(weights.sum()),
                    }
                )
        return rows

    def paired(
        self, labels: Mapping[str, str], *, against: str | None = None, metrics: Sequence[str] = PAIRED_METRICS
    ) -> list[dict[str, Any]]:
        """Pairs of methods on the same answers: all, or only those of every other method with `against`.

        Holm's correction is over the pairs of one metric.
        """
        rows: list[dict[str, Any]] = []
        for metric in metrics:
            found = [self._paired_row(a, b, metric) for a, b in self._pairs(against)]
            for row, p in zip(found, stats.holm([row["p_value"] for row in found]), strict=True):
                row["p_holm"] = rounded(p)
                row["verdict"] = verdict(row, labels)
            rows += found
        return rows

    def _pairs(self, against: str | None) -> list[tuple[str, str]]:
        if against is None:
            return list(combinations(self.methods, 2))
        return [(against, method) for method in self.methods if method != against]

    def _paired_row(self, a: str, b: str, metric: str) -> dict[str, Any]:
        one, other = self.table(a, metric), self.table(b, metric)
        weights = np.minimum(one.weights, other.weights)
        differences = np.where(weights > 0, one.values - other.values, 0.0)
        interval = stats.bootstrap(differences, weights, self.strata, seed=self.seed)
        p_value = stats.sign_flip_test(differences, weights, seed=self.seed)
        return {
            "a": a,
            "b": b,
            "metric": metric,
            "difference": rounded(interval.mean),
            "ci_low": rounded(interval.low),
            "ci_high": rounded(interval.high),
            "p_value": rounded(p_value),
        }

    def calibration(self) -> list[dict[str, Any]]:
        """Reliability diagrams of each method that has a confidence, over all poles and seeds."""
        rows = []
        for method in self.methods:
            answers = [a for cell in self.cells if cell.method == method for a in cell.answers]
            bins = [{k: rounded(v) for k, v in asdict(b).items()} for b in reliability(answers, bins=ECE_BINS)]
            if bins:
                rows.append({"method": method, "bins": bins})
        return rows

    def table(self, method: str, metric: str) -> Table:
        """Contributions of a method's answers to a metric, cells ordered by seed, then pole."""
        if (method, metric) not in self._tables:
            shape = (len(self.unit_names), len(self.seeds) * len(self.poles))
            values, weights = np.zeros(shape), np.zeros(shape)
            for cell in (cell for cell in self.cells if cell.method == method):
                first = self.seeds.index(cell.seed) * len(self.poles)
                for answer, changed in zip(cell.answers, cell.changed, strict=True):
                    value, weight = _TERMS[metric](answer, changed)
                    at = self._unit[answer.dilemma], first + self.poles.index(answer.pole)
                    values[at] += value * weight
                    weights[at] += weight
            values = np.divide(values, weights, out=np.zeros(shape), where=weights > 0)
            self._tables[method, metric] = Table(values, weights)
        return self._tables[method, metric]

    def _ece(self, method: str) -> tuple[Interval, list[float], int]:
        """ECE pooled over poles within a seed (a pole alone has too few answers), mean over seeds, by bootstrap.

        A resample's ECE is too large on average, because chance gaps count as miscalibration; that bias, mean of the
        resamples minus the estimate, is taken off the interval.
        """
        counts = np.vstack([np.ones(len(self.strata)), stats.resample_counts(self.strata, seed=self.seed)])
        draws, by_seed = [], []
        for cell in (cell for cell in self.cells if cell.method == method):
            gaps, sizes = np.zeros((len(self.strata), ECE_BINS)), np.zeros(len(self.strata))
            for answer in cell.answers:
                if answer.confidence is None:
                    continue
                at = min(ECE_BINS - 1, max(0, int(np.ceil(answer.confidence * ECE_BINS)) - 1))
                gaps[self._unit[answer.dilemma], at] += acc_one(answer) - answer.confidence
                sizes[self._unit[answer.dilemma]] += 1
            if sizes.any():
                draws.append(np.abs(counts @ gaps).sum(1) / np.maximum(counts @ sizes, 1))
                by_seed.append(float(draws[-1][0]))
        if not draws:
            return Interval(None, None, None), [], len(self.seeds)
        mean = np.mean(draws, axis=0)
        low, high = np.quantile(mean[1:], stats.tails(self.strata, level=1 - ALPHA)) - (mean[1:].mean() - mean[0])
        return Interval(float(mean[0]), max(0.0, float(low)), float(high)), by_seed, len(self.seeds) - len(by_seed)


def verdict(row: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """A paired difference in words; no winner is named that the corrected p-value doesn't support."""
    a, b = labels.get(row["a"], row["a"]), labels.get(row["b"], row["b"])
    difference, p = row["difference"], row["p_holm"]
    if difference is None or p is None:
        return f"{a} and {b} have no answers in common"
    if difference == 0 and row["ci_low"] == row["ci_high"] == 0:
        return f"{a} and {b} tie exactly"
    if p >= ALPHA:
        return f"no difference shown between {a} and {b}"
    better, worse = (a, b) if difference > 0 else (b, a)
    return f"{better} is ahead of {worse}"


def rounded(value: float | None) -> float | None:
    """Six decimals, NaN as None: what goes into a file."""
    return None if value is None or np.isnan(value) else round(float(value), 6)
