"""From single scores to the rows of `results.json`, for suites that measure something else than `tables.py` does.

A score is one sample's value of one metric, for one method and seed. Units are scenarios; the cells of `stats` are
(seed, group), so that every group has equal say. A mean of nothing is null, with n 0.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from counterpoint.evaluation import stats
from counterpoint.evaluation.stats import Array
from counterpoint.evaluation.tables import rounded, verdict


class Score(NamedTuple):
    """One value. `group` is what has equal say (a value pair, a topic, a pole); a unit lies within one stratum."""

    method: str
    seed: int
    group: str
    unit: str
    stratum: str
    metric: str
    value: float


class Counts:
    """All tables over scores; `methods` and `seeds` name those of whom nothing could be scored, too."""

    def __init__(self, scores: Sequence[Score], methods: Sequence[str], seeds: Sequence[int]) -> None:
        self.methods, self.seeds = list(methods), list(seeds)
        self.groups = list(dict.fromkeys(s.group for s in scores))
        self.metrics = list(dict.fromkeys(s.metric for s in scores))
        units = {s.unit: s.stratum for s in scores}
        self.units, self.strata = list(units), list(units.values())
        self._index = {unit: i for i, unit in enumerate(self.units)}
        self._scores: dict[tuple[str, str], list[Score]] = {}
        for score in scores:
            self._scores.setdefault((score.method, score.metric), []).append(score)

    def rows(self, metrics: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """One row a method, seed, group and metric."""
        found = []
        for method, seed, group in ((m, s, g) for m in self.methods for s in self.seeds for g in self.groups):
            for metric in metrics or self.metrics:
                own = [s.value for s in self._scores.get((method, metric), []) if (s.seed, s.group) == (seed, group)]
                value = {"value": rounded(sum(own) / len(own)) if own else None, "n": len(own)}
                found.append({"method": method, "seed": seed, "group": group, "metric": metric, **value})
        return found

    def summary(self, metrics: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """One row a method and metric: the mean over groups and seeds, with its interval."""
        return [self.estimate(method, metric) for method in self.methods for metric in metrics or self.metrics]

    def estimate(self, method: str, metric: str) -> dict[str, Any]:
        """The summary's row of one method and metric."""
        values, weights = self._table(method, metric)
        interval = stats.bootstrap(values, weights, self.strata) if self.units else stats.Interval(None, None, None)
        width = len(self.groups)
        columns = [slice(i * width, (i + 1) * width) for i in range(len(self.seeds))]
        by_seed = [stats.cell_mean(values[:, c], weights[:, c]) for c in columns] if self.units else []
        spread = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 and not np.isnan(by_seed).any() else None
        return {
            "method": method,
            "metric": metric,
            "mean": rounded(interval.mean),
            "ci_low": rounded(interval.low),
            "ci_high": rounded(interval.high),
            "sd_seeds": rounded(spread),
            "seeds": len(self.seeds),
            "n": int(weights.sum()),
            "undefined": int((weights.sum(0) == 0).sum()),
        }

    def paired(
        self,
        metrics: Iterable[str],
        labels: Mapping[str, str],
        *,
        lower_is_better: Container[str] = (),
        pairs: Sequence[tuple[str, str]] | None = None,
    ) -> list[dict[str, Any]]:
        """Every pair of methods (or `pairs`) on what both were scored on; Holm's correction is over one metric's pairs.

        A difference is always a's value minus b's; only the verdict knows which direction is the better one.
        """
        rows: list[dict[str, Any]] = []
        for metric in metrics:
            found = [self._pair(a, b, metric) for a, b in pairs or combinations(self.methods, 2)]
            for row, p in zip(found, stats.holm([row["p_value"] for row in found]), strict=True):
                row["p_holm"] = rounded(p)
                difference = row["difference"]
                turned = -difference if difference is not None and metric in lower_is_better else difference
                row["verdict"] = verdict({**row, "difference": turned}, labels)
            rows += found
        return rows

    def _pair(self, a: str, b: str, metric: str) -> dict[str, Any]:
        (one, weight), (other, against) = self._table(a, metric), self._table(b, metric)
        weights = np.minimum(weight, against)
        differences = np.where(weights > 0, one - other, 0.0)
        empty = stats.Interval(None, None, None)
        interval = stats.bootstrap(differences, weights, self.strata) if self.units else empty
        return {
            "a": a,
            "b": b,
            "metric": metric,
            "difference": rounded(interval.mean),
            "ci_low": rounded(interval.low),
            "ci_high": rounded(interval.high),
            "p_value": rounded(stats.sign_flip_test(differences, weights)) if self.units else None,
        }

    def _table(self, method: str, metric: str) -> tuple[Array, Array]:
        """Mean score and number of scores, `[unit, cell]` each; cells ordered by seed, then group."""
        shape = (len(self.units), len(self.seeds) * len(self.groups))
        total, weights = np.zeros(shape), np.zeros(shape)
        for score in self._scores.get((method, metric), []):
            cell = self.seeds.index(score.seed) * len(self.groups) + self.groups.index(score.group)
            total[self._index[score.unit], cell] += score.value
            weights[self._index[score.unit], cell] += 1
        return np.divide(total, weights, out=np.zeros(shape), where=weights > 0), weights
