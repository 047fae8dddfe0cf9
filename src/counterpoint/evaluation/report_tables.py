"""From `results.json` to what the report's tables and charts show. Whatever is missing or not finite is undefined."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterpoint.data.taxonomy import taxonomy, taxonomy_names
from counterpoint.evaluation.charts import Estimate, Point
from counterpoint.evaluation.headline import Paired
from counterpoint.evaluation.method_labels import MethodLabel

Rows = Sequence[Mapping[str, Any]]

METRICS = {
    "acc_one": ("Acc_one", True),
    "acc_all": ("Acc_all", True),
    "precision": ("Precision", True),
    "recall": ("Recall", True),
    "f1": ("F1", True),
    "ece": ("ECE", False),
    "nll": ("NLL", False),
    "order_effect": ("Order effect", False),
    "unreadable": ("Unreadable", False),
}
"""Metric -> (heading, whether more is better), in the order of the columns."""


@dataclass(frozen=True)
class Cell:
    """One entry of the main table. `leads` marks the best mean and what it could not be told apart from."""

    estimate: Estimate
    undefined: int = 0
    leads: bool = False
    given: bool = True


def finite(value: object) -> float | None:
    """A finite number, or None for anything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


def estimate(row: Mapping[str, Any]) -> Estimate:
    """Mean, interval and count of a row of `summary` or `per_pole`."""
    n = finite(row.get("n"))
    return Estimate(finite(row.get("mean")), finite(row.get("ci_low")), finite(row.get("ci_high")), int(n or 0))


def paired_rows(rows: Rows) -> list[Paired]:
    """The paired comparisons."""
    return [
        Paired(
            a=str(row.get("a", "")),
            b=str(row.get("b", "")),
            metric=str(row.get("metric", "")),
            difference=finite(row.get("difference")),
            low=finite(row.get("ci_low")),
            high=finite(row.get("ci_high")),
            p_value=finite(row.get("p_value")),
            p_holm=finite(row.get("p_holm")),
            verdict=str(row.get("verdict") or ""),
        )
        for row in rows
    ]


def main_table(
    summary: Rows, methods: Iterable[str], paired: Sequence[Paired]
) -> tuple[list[str], dict[str, list[Cell]]]:
    """Metrics that occur, in order, and for every method its cell under each."""
    found = {(str(row.get("method")), str(row.get("metric"))): row for row in summary}
    metrics = [metric for metric in METRICS if any(metric == key[1] for key in found)]
    metrics += sorted({metric for _, metric in found} - set(metrics))
    leaders = {metric: _leaders(metric, found, paired) for metric in metrics}
    table = {}
    for method in methods:
        rows = [found.get((method, metric)) for metric in metrics]
        table[method] = [
            Cell(Estimate(None), given=False)
            if row is None
            else Cell(estimate(row), int(finite(row.get("undefined")) or 0), method in leaders[metric])
            for metric, row in zip(metrics, rows, strict=True)
        ]
    return metrics, table


def _leaders(metric: str, found: Mapping[tuple[str, str], Mapping[str, Any]], paired: Sequence[Paired]) -> set[str]:
    """The method of best mean and those a paired test could not tell from it; nobody where nothing was tested."""
    means = {
        m: mean for (m, name), row in found.items() if name == metric and (mean := finite(row.get("mean"))) is not None
    }
    tests = [row for row in paired if row.metric == metric]
    if not means or not tests:
        return set()
    sign = 1 if METRICS.get(metric, ("", True))[1] else -1
    best = max(means, key=lambda method: sign * means[method])
    if not any(best in (row.a, row.b) for row in tests):
        return set()
    return {best} | {m for m in means for row in tests if row.between(best, m) and not row.shown}


def per_pole(results: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Acc_one by value pair, method and pole; where `per_pole` is missing, from `rows`: seed means, no interval."""
    table: dict[str, dict[str, dict[str, Estimate]]] = {}
    for row in results.get("per_pole") or _poles_of_rows(results.get("rows") or []):
        if row.get("metric", "acc_one") == "acc_one":
            pair, method, pole = (str(row.get(key, "")) for key in ("value_pair", "method", "pole"))
            table.setdefault(pair, {}).setdefault(method, {})[pole] = estimate(row)
    return table


def _poles_of_rows(rows: Rows) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("metric") == "acc_one" and row.get("pole"):
            groups.setdefault((str(row.get("method")), str(row.get("value_pair")), str(row["pole"])), []).append(row)
    means = []
    for (method, pair, pole), members in groups.items():
        values = [value for row in members if (value := finite(row.get("value"))) is not None]
        n = sum(int(finite(row.get("n")) or 0) for row in members)
        mean = sum(values) / len(values) if values else None
        means.append({"method": method, "value_pair": pair, "pole": pole, "mean": mean, "n": n})
    return means


def poles_of(pair: str, found: Iterable[str]) -> list[str]:
    """A pair's poles, the positive one first: as a built-in taxonomy has it, else in the order they were met."""
    met = list(dict.fromkeys(found))
    for name in taxonomy_names():
        known = taxonomy(name).by_name.get(pair)
        if known and set(met) <= {pole.name for pole in known.poles}:
            return [pole.name for pole in known.poles]
    return met


def both_sides_points(
    poles: Mapping[str, Mapping[str, Mapping[str, Estimate]]], labels: Mapping[str, MethodLabel]
) -> list[Point]:
    """A point for every method and pair with both poles defined, and one for the method's mean over those pairs."""
    points = []
    for name, label in labels.items():
        pairs = []
        for pair, by_method in poles.items():
            order = poles_of(pair, [pole for by in by_method.values() for pole in by])
            means = [by_method.get(name, {}).get(pole, Estimate(None)).mean for pole in order[:2]]
            if len(means) == 2 and means[0] is not None and means[1] is not None:
                pairs.append(Point(label, means[0], means[1], pair))
        if pairs:
            points += pairs
            points.append(Point(label, sum(p.x for p in pairs) / len(pairs), sum(p.y for p in pairs) / len(pairs)))
    return points
