"""One run's page from the common form of its results; what a run doesn't hold has no section."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.headline import Headline, compose, percent
from counterpoint.evaluation.method_labels import MethodLabel
from counterpoint.evaluation.report import Run, render_page
from counterpoint.evaluation.report_cases import worst_cases
from counterpoint.evaluation.report_tables import estimate, finite, paired_rows
from counterpoint.evaluation.reports.definitions import terms_of
from counterpoint.evaluation.reports.extract import Rows, all_tables, dimensions, labels_of, parts, winner
from counterpoint.evaluation.reports.figures import Figure, all_figures, chance_of
from counterpoint.evaluation.reports.measures import dimension, measure, ordered
from counterpoint.evaluation.reports.table import Table

FIGURES = {
    "intervals": ("Side by side", "Means with 95% intervals; a dashed line is what picking at random has."),
    "curves": ("Curves", "Means with 95% intervals; steps are evenly spaced, methods side by side."),
    "poles": ("Pole by pole", "Acc_one for each side of each value, with 95% intervals; the dashed line is chance."),
    "both": ("Both sides at once", "Top right serves everybody; far from the diagonal one kind of person is failed."),
    "calibration": (
        "Calibration",
        "Across: the probability given to the option chosen. Up: how often it was right. Larger marks: more answers.",
    ),
}
"""Sections of figures, in order."""

FOLDED = ("per_pole", "more")
"""Tables whose numbers a chart shows, or that few want to read."""


def render(run: Run) -> str:
    """The page as text."""
    return render_page("run_report.html", context(run))


def context(run: Run) -> dict[str, Any]:
    """What the template is given."""
    results = run.results
    labels = labels_of(results, run.predictions)
    tables = all_tables(results)
    figures = all_figures(results)
    cases = worst_cases(run.predictions, run.dilemmas, labels)
    failures = results.get("failures") or []
    folded = [table for table in tables if table.name in FOLDED]
    tables = [table for table in tables if table.name not in FOLDED]
    sections = [("result", "Result")]
    sections += [(f"t-{table.name}", _short(table)) for table in tables if not table.name.startswith("summary_")]
    sections += [(f"f-{kind}", FIGURES[kind][0]) for kind in FIGURES if any(f.kind == kind for f in figures)]
    sections += [("numbers", "Numbers")] if folded else []
    sections += [("worst", "Hardest")] if cases else []
    sections += [("run", "Run"), ("definitions", "Definitions")]
    return {
        "sections": sections,
        "results": results,
        "config": results.get("config") or {},
        "data": results.get("data") or {},
        "seconds": results.get("seconds") or {},
        "cost": results.get("cost"),
        "labels": labels,
        "headline": headline(results, labels),
        "highlights": highlights(results, labels),
        "tables": tables,
        "folded": folded,
        "figure_kinds": [(kind, *FIGURES[kind], own) for kind in FIGURES if (own := _own(figures, kind))],
        "failed": Counter(str(row.get("method", "")) for row in failures),
        "cases": cases,
        "has_cases": bool(cases),
        "terms": terms_of(str(row.get("metric")) for part in parts(results) for row in part.results["summary"] or []),
    }


def headline(results: Mapping[str, Any], labels: Mapping[str, MethodLabel]) -> Headline:
    """A winner is named only where paired tests show one; of metrics without a known direction nothing is claimed."""
    metric = main_metric(results)
    if metric is None:
        return Headline("Nothing was measured in this run", ("Its results hold no summary.",))
    summary = results.get("summary") or []
    found = {str(r.get("method")): estimate(r) for r in summary if r.get("metric") == metric}
    dims = dimensions([row for row in summary if str(row.get("metric")) == metric])
    if metric == "acc_one" and not dims:
        tests = paired_rows(results.get("paired") or [])
        return compose(
            labels, {k: v for k, v in found.items() if k in labels}, tests, chance=chance_of(results, metric)
        )
    name = measure(metric).heading
    if dims:
        said = ", ".join(map(dimension, dims))
        return Headline(f"{name} by {said}", _verdicts(results.get("paired") or [], metric, dims))
    best = winner(summary, results.get("paired") or [], metric)
    means = {who: value.mean for who, value in found.items() if value.mean is not None}
    chance = chance_of(results, metric)
    sentences = [f"{_label(who, labels)}: {_reach(value)}." for who, value in found.items()]
    sentences += [f"Picking at random has {percent(chance)}."] if chance is not None else []
    if len(means) == 1:
        return Headline(f"{_label(next(iter(means)), labels)} is the only method in this run", tuple(sentences))
    if best is None:
        return Headline(f"{name}: no winner that the data support", tuple(sentences[:6]))
    return Headline(f"{_label(best, labels)} leads in {name.lower()}, and the data support it", tuple(sentences[:6]))


def _verdicts(rows: Rows, metric: str, dims: Sequence[str]) -> tuple[str, ...]:
    """What paired tests show, and where; no more than the first four."""
    own = [row for row in rows if row.get("metric") == metric]
    shown = [(row, told) for row, told in zip(own, paired_rows(own), strict=True) if told.shown and told.verdict]
    found = []
    for row, told in shown:
        where = ", ".join(f"{dimension(dim)} {row[dim]}" for dim in dims if row.get(dim) is not None)
        found.append(f"{told.verdict[:1].upper()}{told.verdict[1:]}" + (f" ({where})." if where else "."))
    if not own:
        return ("Nothing was compared in pairs, so no order is claimed.",)
    if not found:
        return ("No paired test shows a difference; that is no proof that there is none.",)
    return (
        *found[:4],
        *([f"{len(found)} of {len(own)} comparisons show a difference; all are below."] * (len(found) > 4)),
    )


def main_metric(results: Mapping[str, Any]) -> str | None:
    """The first in order of those that were tested in pairs, else of all."""
    tested = [str(row.get("metric")) for row in results.get("paired") or []]
    every = [str(row.get("metric")) for row in results.get("summary") or []]
    return next(iter(ordered(list(dict.fromkeys(tested or every)))), None)


def highlights(results: Mapping[str, Any], labels: Mapping[str, MethodLabel]) -> list[tuple[str, str]]:
    """Up to four numbers: the main metric's, best first; chance."""
    metric = main_metric(results)
    summary = results.get("summary") or []
    if metric is None or dimensions(summary):
        return []
    means = [(mean, str(r["method"])) for r in summary if r.get("metric") == metric and (mean := finite(r.get("mean")))]
    better = measure(metric).better
    means = sorted(means, reverse=bool(better)) if better is not None else means
    share = all(0 <= mean <= 1 for mean, _ in means)
    told = [
        (f"{measure(metric).heading}, {_label(who, labels)}", percent(m) if share else f"{m:.3g}") for m, who in means
    ]
    chance = chance_of(results, metric)
    return told[:3] + ([("picking at random", percent(chance))] if chance is not None else [])


def _own(figures: Sequence[Figure], kind: str) -> list[Figure]:
    return [figure for figure in figures if figure.kind == kind]


def _short(table: Table) -> str:
    """A table's name in the navigation."""
    return {"summary": "Methods", "paired": "Differences", "per_behaviour": "Behaviours", "judge": "Judge"}.get(
        table.name, table.name.replace("_", " ").capitalize()
    )


def _label(method: str, labels: Mapping[str, MethodLabel]) -> str:
    return labels[method].label if method in labels else method


def _reach(value: Estimate) -> str:
    if value.mean is None:
        return "undefined"
    inside = (
        f" (95% interval {value.low:.3f} to {value.high:.3f})"
        if value.low is not None and value.high is not None
        else ""
    )
    return f"{value.mean:.3f}{inside}"
