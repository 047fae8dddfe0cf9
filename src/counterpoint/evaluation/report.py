"""A run's folder in, `report.html` out: one file that needs no network, no script and no other file.

`write_report` reads `results.json` (schema `counterpoint.results/1`), `predictions.jsonl` and `dilemmas.jsonl`. The
latter two may be missing; what they feed is then said to be missing. All text is escaped, and the page's own content
security policy forbids scripts and any request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from counterpoint.errors import BadInputError
from counterpoint.evaluation import charts
from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.headline import compose, percent
from counterpoint.evaluation.method_labels import MethodLabel, label_methods
from counterpoint.evaluation.report_cases import letter, worst_cases
from counterpoint.evaluation.report_tables import (
    METRICS,
    both_sides_points,
    finite,
    main_table,
    paired_rows,
    per_pole,
    poles_of,
)
from counterpoint.evaluation.reports.definitions import terms_of
from counterpoint.runlog import write_text

SCHEMA = "counterpoint.results/1"
SECTIONS = (
    ("result", "Result"),
    ("table", "Methods"),
    ("paired", "Differences"),
    ("poles", "Poles"),
    ("both", "Both sides"),
    ("training", "Training"),
    ("calibration", "Calibration"),
    ("worst", "Hardest"),
    ("run", "Run"),
    ("definitions", "Definitions"),
)
"""Anchors and names of the page's parts."""
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Run:
    """What a run wrote: results, one prediction a line, and the test dilemmas by id."""

    results: Mapping[str, Any]
    predictions: Sequence[Mapping[str, Any]]
    dilemmas: Mapping[str, Mapping[str, Any]]


def write_report(folder: Path) -> Path:
    """Write `folder/report.html` from what the run left in `folder`; a reader never sees half a page.

    Raises:
        BadInputError: `results.json` is missing or not of the known schema, or a line of the other files is not JSON.
    """
    page = render(read_run(folder))
    target = folder / "report.html"
    write_text(target, page)
    return target


def read_run(folder: Path) -> Run:
    """Read a run's folder; missing predictions or dilemmas are empty."""
    path = folder / "results.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise BadInputError(f"{path} does not exist: a report needs the folder that a run wrote") from None
    except OSError as error:
        raise BadInputError(f"{path} can't be read: {error}") from None
    except ValueError as error:
        raise BadInputError(f"{path} is not JSON: {error}") from None
    schema = results.get("schema") if isinstance(results, dict) else None
    if schema != SCHEMA:
        raise BadInputError(f"{path} has schema {schema!r}, expected {SCHEMA!r}")
    dilemmas = {str(row.get("id", "")): row for row in _read_lines(folder / "dilemmas.jsonl") if row.get("options")}
    return Run(results, _read_lines(folder / "predictions.jsonl"), dilemmas)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadInputError(f"{path}, line {number}: is not JSON: {error}") from None
            if not isinstance(row, dict):
                raise BadInputError(f"{path}, line {number}: is not an object")
            rows.append(row)
    return rows


def render(run: Run) -> str:
    """The page as text."""
    return render_page("report.html", context(run))


def render_page(template: str, context: Mapping[str, Any]) -> str:
    """A page from a template, everything escaped, styles within it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: (
            charts.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    environment.filters |= {
        "number": charts.number,
        "setting": _setting,
        "signed": _signed,
        "pvalue": _p_value,
        "compact": _compact,
        "gist": lambda text: charts.shorten(text, 150),
    }
    environment.globals |= {"swatch": charts.swatch, "bar": charts.interval_bar, "letter": letter}
    styles = Markup("\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("charts.css", "page.css")))
    return environment.get_template(template).render(styles=styles, **context)


def context(run: Run) -> dict[str, Any]:
    results = run.results
    rows = [*(results.get("summary") or []), *(results.get("per_pole") or []), *(results.get("curves") or [])]
    named = [str(row["method"]) for row in rows if row.get("method")] + [str(p.get("method")) for p in run.predictions]
    labels = label_methods(named)
    rules = results.get("rules") or {}
    chance = finite(rules.get("chance"))
    paired = paired_rows(results.get("paired") or [])
    summary = results.get("summary") or []
    metrics, table = main_table(summary, labels, paired)
    one = metrics.index("acc_one") if "acc_one" in metrics else None
    scores = {name: cells[one].estimate for name, cells in table.items()} if one is not None else {}
    return {
        "sections": SECTIONS,
        "results": results,
        "config": results.get("config") or {},
        "data": results.get("data") or {},
        "seconds": results.get("seconds") or {},
        "rules": rules,
        "chance": chance,
        "labels": labels,
        "headline": compose(labels, scores, paired, chance=chance),
        "highlights": _highlights(scores, labels, chance, results),
        "metric_names": {metric: heading for metric, (heading, _) in METRICS.items()},
        "metrics": [(metric, *METRICS.get(metric, (metric, True))) for metric in metrics],
        "table": table,
        "one": one,
        "paired": paired,
        "cases": worst_cases(run.predictions, run.dilemmas, labels),
        "has_cases": bool(run.predictions and run.dilemmas),
        "terms": terms_of(str(row.get("metric")) for row in summary),
        **_pole_figures(results, labels, chance),
        "curves": _curves(results.get("curves") or [], labels),
        "calibration": _calibration(results.get("calibration") or [], labels),
    }


def _pole_figures(
    results: Mapping[str, Any], labels: Mapping[str, MethodLabel], chance: float | None
) -> dict[str, Any]:
    poles = per_pole(results)
    pairs = []
    for i, (pair, by_method) in enumerate(poles.items()):
        order = poles_of(pair, [pole for by in by_method.values() for pole in by])
        rows = [(labels[name], by_method[name]) for name in labels if name in by_method]
        chart = charts.pole_panel(f"pole{i}", pair, order, rows, chance)
        pairs.append({"name": pair, "poles": order, "rows": rows, "chart": chart})
    points = both_sides_points(poles, labels)
    return {
        "pairs": pairs,
        "points": [point for point in points if not point.pair],
        "both": charts.both_sides(points, chance) if points else None,
        "nothing": Estimate(None),
    }


def _curves(curves: Sequence[Mapping[str, Any]], labels: Mapping[str, MethodLabel]) -> list[dict[str, Any]]:
    """Per method: its chart and the first and last loss, averaged over seeds; by epoch where every point has one."""
    points = [point for curve in curves for point in curve.get("points") or []]
    axis = "epoch" if all(finite(point.get("epoch")) is not None for point in points) else "step"
    panels = []
    for i, (name, label) in enumerate(labels.items()):
        runs = [_curve(curve.get("points") or [], axis) for curve in curves if curve.get("method") == name]
        runs = [run for run in runs if run]
        if runs:
            chart = charts.curve_panel(f"curve{i}", label, runs, f"{axis}s")
            ends = [sum(run[place][1] for run in runs) / len(runs) for place in (0, -1)]
            panels.append({"label": label, "chart": chart, "seeds": len(runs), "first": ends[0], "last": ends[1]})
    return panels


def _curve(points: Sequence[Mapping[str, Any]], axis: str) -> list[tuple[float, float]]:
    pairs = [(finite(point.get(axis)), finite(point.get("loss"))) for point in points]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _calibration(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, MethodLabel]) -> list[dict[str, Any]]:
    found = {str(row.get("method")): row.get("bins") or [] for row in rows}
    panels = []
    for i, (name, label) in enumerate(labels.items()):
        triples = [tuple(finite(b.get(key)) for key in ("confidence", "accuracy", "n")) for b in found.get(name, [])]
        bins = [(c, a, int(n)) for c, a, n in triples if c is not None and a is not None and n is not None]
        if bins:
            panels.append(
                {"label": label, "bins": bins, "chart": charts.reliability_panel(f"calibration{i}", label, bins)}
            )
    return panels


def _highlights(
    scores: Mapping[str, Estimate], labels: Mapping[str, MethodLabel], chance: float | None, results: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """The four numbers under the headline; what is undefined is left out."""
    means = {name: score.mean for name, score in scores.items() if score.mean is not None and not labels[name].rule}
    shown = []
    if means:
        best = max(means, key=lambda name: means[name])
        shown.append((f"highest Acc_one, {labels[best].label}", percent(means[best])))
        poles = [
            (value.mean, pole)
            for by_method in per_pole(results).values()
            for pole, value in by_method.get(best, {}).items()
            if value.mean is not None
        ]
        if poles:
            shown.append((f"its weakest pole, {charts.shorten(min(poles)[1], 40)}", percent(min(poles)[0])))
    if "rule" in scores:
        shown.append(("best rule that reads nothing", percent(scores["rule"].mean)))
    if chance is not None:
        shown.append(("picking at random", percent(chance)))
    return shown


def _signed(value: float, digits: int = 3) -> str:
    rounded = round(value, digits) + 0.0
    return ("+" if rounded > 0 else "") + charts.number(rounded, digits)


def _p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else charts.number(value)


def _compact(value: float) -> str:
    """A number in three digits after the point; what is smaller than that as an inequality."""
    return "<0.001" if 0 < value < 0.001 else charts.number(value)


def _setting(value: object) -> str:
    """A configuration value for reading."""
    if value is None or value == "":
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_setting(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_setting(item)}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
