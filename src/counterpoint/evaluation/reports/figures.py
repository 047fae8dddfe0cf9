"""From `results.json` to charts: intervals, curves over turns and histories, poles, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from counterpoint.evaluation import charts
from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.method_labels import MethodLabel
from counterpoint.evaluation.report_tables import both_sides_points, estimate, finite, per_pole, poles_of
from counterpoint.evaluation.reports.extract import Part, Rows, dimensions, labels_of, parts
from counterpoint.evaluation.reports.measures import dimension, measure, ordered

MOST_CURVES = 12
"""Curves drawn of one part."""


class Figure(NamedTuple):
    """A chart. `kind` is its section's, `name` its file's."""

    kind: str
    name: str
    title: str
    chart: Markup


def all_figures(results: Mapping[str, Any]) -> list[Figure]:
    """Every figure of a run."""
    found: list[Figure] = []
    for part in parts(results):
        labels = labels_of(part.results)
        found += [*_intervals(part, labels), *_curves(part, labels), *_poles(part, labels), *_calibration(part, labels)]
    return found


def chance_of(results: Mapping[str, Any], metric: str) -> float | None:
    """What picking at random has: one number, one a metric, or the mean of one a pole (of Acc_one)."""
    chance = (results.get("rules") or {}).get("chance") if isinstance(results.get("rules"), dict) else None
    chance = results.get("chance") if results.get("chance") is not None else chance
    if isinstance(chance, dict):
        if metric in chance:
            return finite(chance[metric])
        known = [v for v in map(finite, chance.values()) if v is not None]
        return sum(known) / len(known) if metric == "acc_one" and known else None
    return finite(chance) if metric == "acc_one" or metric.startswith("accuracy") else None


def _name(part: Part, *words: object) -> str:
    said = "-".join(str(word) for word in (part.key, *words) if word not in (None, ""))
    return "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in said).strip("-").lower()


def _intervals(part: Part, labels: Mapping[str, MethodLabel]) -> list[Figure]:
    """A row a method, for every metric that stands for nothing but itself."""
    rows: Rows = part.results.get("summary") or []
    dims, found = dimensions(rows), []
    for metric in ordered(list(dict.fromkeys(str(row.get("metric")) for row in rows))):
        if any(row.get(dim) is not None for row in rows if row.get("metric") == metric for dim in dims):
            continue
        means = {str(row.get("method")): estimate(row) for row in rows if row.get("metric") == metric}
        lines = [(label, means[name]) for name, label in labels.items() if name in means]
        if len(lines) > 1:
            key, title = _name(part, metric), measure(metric).heading
            chart = charts.forest(f"f-{key}", title, lines, chance=chance_of(part.results, metric))
            found.append(Figure("intervals", f"intervals-{key}", title, chart))
    return found


def _curves(part: Part, labels: Mapping[str, MethodLabel]) -> list[Figure]:
    """A metric against every dimension of numbers, the others held: a line a method, or a chart each where many."""
    rows = [_at_its_step(row) for row in part.results.get("summary") or []]
    dims = dimensions(rows)
    found: list[Figure] = []
    for axis in (dim for dim in dims if _is_axis(rows, dim)):
        others = [dim for dim in dims if dim != axis]
        for metric in ordered(list(dict.fromkeys(str(row.get("metric")) for row in rows))):
            own = [row for row in rows if row.get("metric") == metric and finite(row.get(axis)) is not None]
            for held in dict.fromkeys(tuple((dim, row.get(dim)) for dim in others) for row in own):
                here = [row for row in own if all(row.get(k) == v for k, v in held)]
                steps = sorted({value for row in here if (value := finite(row.get(axis))) is not None})
                if len(steps) > 1 and len(found) < MOST_CURVES:
                    found.append(_curve(part, labels, here, metric=metric, axis=axis, held=held, steps=steps))
    return found


def _at_its_step(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """`al_3` of turn 3 is `al` there."""
    name = str(row.get("metric"))
    for value in row.values():
        if name.endswith(f"_{value}") and finite(value) is not None:
            return {**row, "metric": name.removesuffix(f"_{value}")}
    return row


def _curve(
    part: Part,
    labels: Mapping[str, MethodLabel],
    rows: Rows,
    *,
    metric: str,
    axis: str,
    held: tuple[tuple[str, Any], ...],
    steps: list[float],
) -> Figure:
    by_method: dict[str, dict[float, Estimate]] = {}
    for row in rows:
        by_method.setdefault(str(row.get("method")), {})[float(row[axis])] = estimate(row)
    lines = [(label, by_method[name]) for name, label in labels.items() if name in by_method]
    said = ", ".join(f"{dimension(key)} {value}" for key, value in held if value is not None)
    title = f"{measure(metric).heading} by {dimension(axis)}" + (f" ({said})" if said else "")
    key = _name(part, metric, "by", axis, *(word for pair in held for word in pair))
    chart = charts.step_lines(f"c-{key}", title, steps, lines, dimension(axis))
    return Figure("curves", f"curve-{key}", title, chart)


def _is_axis(rows: Rows, dim: str) -> bool:
    """Numbers alone, with more than one for some method."""
    values = [row.get(dim) for row in rows]
    if not all(v is None or finite(v) is not None for v in values):
        return False
    by_method: dict[object, set[object]] = {}
    for row in rows:
        by_method.setdefault(row.get("method"), set()).add(row.get(dim))
    return any(len(found) > 1 for found in by_method.values())


def _poles(part: Part, labels: Mapping[str, MethodLabel]) -> list[Figure]:
    poles = per_pole(part.results) if part.results.get("per_pole") else {}
    chance = chance_of(part.results, "acc_one")
    found = []
    for pair, by_method in poles.items():
        order = poles_of(pair, [pole for by in by_method.values() for pole in by])
        lines = [(label, by_method[name]) for name, label in labels.items() if name in by_method]
        key = _name(part, pair)
        found.append(Figure("poles", f"poles-{key}", pair, charts.pole_panel(f"p-{key}", pair, order, lines, chance)))
    points = both_sides_points(poles, labels)
    if points and not part.key:
        found.append(Figure("both", "both-sides", "Both sides of every value", charts.both_sides(points, chance)))
    return found


def _calibration(part: Part, labels: Mapping[str, MethodLabel]) -> list[Figure]:
    found = []
    for row in part.results.get("calibration") or []:
        label = labels.get(str(row.get("method")))
        triples = [tuple(finite(b.get(k)) for k in ("confidence", "accuracy", "n")) for b in row.get("bins") or []]
        bins = [(c, a, int(n)) for c, a, n in triples if c is not None and a is not None and n is not None]
        if label and bins:
            key = _name(part, label.name)
            chart = charts.reliability_panel(f"r-{key}", label, bins)
            found.append(Figure("calibration", f"calibration-{key}", label.label, chart))
    return found
