"""The history experiment's `report.html`, in the form of `compare`'s: one file, no script, nothing loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterpoint.evaluation import charts
from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.headline import Headline, Paired, percent
from counterpoint.evaluation.history.counting import GAIN, METRIC
from counterpoint.evaluation.history.labels import CHARTED, FLAT, LABELS, PROPOSAL, RIVAL
from counterpoint.evaluation.method_labels import MethodLabel
from counterpoint.evaluation.report import read_run, render_page
from counterpoint.evaluation.report_tables import estimate, finite, paired_rows, poles_of
from counterpoint.runlog import write_text

SECTIONS = (
    ("result", "Result"),
    ("lines", "By choices"),
    ("table", "Methods"),
    ("paired", "Differences"),
    ("noise", "Noise"),
    ("poles", "Poles"),
    ("run", "Run"),
    ("definitions", "Definitions"),
)


@dataclass(frozen=True)
class Line:
    """A method's row of the main table."""

    label: MethodLabel
    alignment: Mapping[int, Estimate]
    gain: Estimate | None


def write_history_report(folder: Path) -> Path:
    """Write `folder/report.html` from `folder/results.json`.

    Raises:
        BadInputError: `results.json` is missing or not of the known schema.
    """
    target = folder / "report.html"
    write_text(target, history_page(folder))
    return target


def history_page(folder: Path) -> str:
    """The page as text; see `write_history_report`."""
    return render_page("history.html", _context(read_run(folder).results))


def _context(results: Mapping[str, Any]) -> dict[str, Any]:
    summary: Sequence[Mapping[str, Any]] = results.get("summary") or []
    config = results.get("config") or {}
    names = {row["method"] for row in summary}
    labels = {name: label for name, label in LABELS.items() if name in names}
    histories = sorted({int(row["history"]) for row in summary if row["noise"] == 0})
    first = config.get("noisy_history")
    first = first if first in histories else (histories[0] if histories else None)
    lines = [_line(label, summary, histories, first) for label in labels.values()]
    paired = [row for row in results.get("paired") or [] if row["noise"] == 0 and row["history"] == first]
    told = paired_rows(paired)
    headline = _headline(summary, first, told)
    drawn = [(line.label, line.alignment) for line in lines if line.label.name in CHARTED]
    unit = "choices seen" if first != 1 else "choice seen"
    return {
        "sections": SECTIONS,
        "results": results,
        "config": config,
        "data": results.get("data") or {},
        "seconds": results.get("seconds") or {},
        "labels": labels,
        "headline": headline,
        "highlights": _highlights(summary, first),
        "histories": histories,
        "first": first,
        "lines": lines,
        "chart": charts.step_lines("lines-c", "Alignment by number of choices", histories, drawn, unit),
        "paired": told,
        "prior": _between(told, PROPOSAL, FLAT),
        "noisy": _noisy(summary, labels, first),
        "pairs": _pairs(results, labels, first),
    }


def _found(summary: Sequence[Mapping[str, Any]], method: str, metric: str, history: Any, noise: float) -> Estimate:
    wanted = (method, metric, history, noise)
    for row in summary:
        if (row["method"], row["metric"], row["history"], row["noise"]) == wanted:
            return estimate(row)
    return Estimate(None)


def _line(label: MethodLabel, summary: Sequence[Mapping[str, Any]], histories: Sequence[int], first: Any) -> Line:
    alignment = {history: _found(summary, label.name, METRIC, history, 0.0) for history in histories}
    gain = None if label.name == RIVAL else _found(summary, label.name, GAIN, first, 0.0)
    return Line(label, alignment, gain)


def _headline(summary: Sequence[Mapping[str, Any]], first: Any, paired: Sequence[Paired]) -> Headline:
    """A gain is claimed only where the interval and the paired test show one."""
    gain, own = _found(summary, PROPOSAL, GAIN, first, 0.0), _found(summary, PROPOSAL, METRIC, first, 0.0)
    if gain.mean is None or own.mean is None:
        return Headline("No alignment was measured", ())
    choices = f"{first} {'choice' if first == 1 else 'choices'}"
    rival, prior = _between(paired, PROPOSAL, RIVAL), _between(paired, PROPOSAL, FLAT)
    if rival is not None and rival.shown and gain.low is not None and gain.low > 0:
        title = f"After {choices}, beliefs serve people {percent(gain.mean)} better than models of one pole"
    elif rival is not None and rival.shown and gain.high is not None and gain.high < 0:
        title = f"After {choices}, beliefs serve people worse than models of one pole"
    else:
        title = f"After {choices}, no difference is shown between beliefs and models of one pole"
    sentences = [
        f"The option put first is on the person's side in {percent(own.mean)} of unseen dilemmas "
        f"({_range(own)}), against {percent(_found(summary, RIVAL, METRIC, first, 0.0).mean)} for models trained on "
        f"one pole that are given the same choices: a relative gain of {percent(gain.mean)} ({_range(gain)}).",
    ]
    believing = _found(summary, "single_preference_belief", METRIC, first, 0.0)
    if believing.mean is not None:
        sentences.append(f"Models of one pole with a belief reach {percent(believing.mean)}.")
    if prior is not None and prior.difference is not None:
        said = "helps" if prior.difference > 0 else "harms"
        sentences.append(
            f"The prior learnt from other people {said if prior.shown else 'makes no difference that is shown'} "
            f"against a flat one ({_points(prior)})."
        )
    return Headline(title, tuple(sentences))


def _points(row: Paired) -> str:
    """A difference of shares in points."""
    ends = [row.difference, row.low, row.high]
    mean, low, high = (charts.number(100 * end, 1) if end is not None else "–" for end in ends)
    return f"{mean} points, {low} to {high}"


def _range(value: Estimate) -> str:
    return "no interval" if value.low is None else f"{percent(value.low)} to {percent(value.high)}"


def _between(paired: Sequence[Paired], one: str, other: str) -> Paired | None:
    return next((row for row in paired if row.between(one, other)), None)


def _highlights(summary: Sequence[Mapping[str, Any]], first: Any) -> list[tuple[str, str]]:
    shown = []
    for name, metric, words in (
        (PROPOSAL, METRIC, f"alignment after {first}, belief"),
        (RIVAL, METRIC, "models of one pole"),
        ("pooled", METRIC, "everybody alike"),
        (PROPOSAL, GAIN, "relative gain over one pole"),
    ):
        found = _found(summary, name, metric, first, 0.0)
        if found.mean is not None:
            shown.append((words, percent(found.mean)))
    return shown


def _noisy(
    summary: Sequence[Mapping[str, Any]], labels: Mapping[str, MethodLabel], first: Any
) -> list[tuple[MethodLabel, list[tuple[float, Estimate, Estimate]]]]:
    """For every method: (noise, alignment, gain), where noisy people were looked at."""
    noises = sorted({float(row["noise"]) for row in summary if row["history"] == first})
    if len(noises) < 2:
        return []
    return [
        (label, [(n, _found(summary, name, METRIC, first, n), _found(summary, name, GAIN, first, n)) for n in noises])
        for name, label in labels.items()
    ]


def _pairs(results: Mapping[str, Any], labels: Mapping[str, MethodLabel], first: Any) -> list[dict[str, Any]]:
    """Alignment pole by pole, means over seeds without an interval, drawn for the charted methods."""
    cells: dict[str, dict[str, dict[str, list[tuple[float, int]]]]] = {}
    for row in results.get("rows") or []:
        value = finite(row["value"])
        if row["noise"] == 0 and row["history"] == first and value is not None and row["method"] in CHARTED:
            by_pole = cells.setdefault(row["value_pair"], {}).setdefault(row["method"], {})
            by_pole.setdefault(row["pole"], []).append((value, row["n"]))
    pairs = []
    for i, (pair, by_method) in enumerate(cells.items()):
        order = poles_of(pair, [pole for by in by_method.values() for pole in by])
        drawn = [
            (labels[name], {pole: _mean(values) for pole, values in by_method[name].items()})
            for name in labels
            if name in by_method
        ]
        pairs.append({"name": pair, "chart": charts.pole_panel(f"pole{i}", pair, order, drawn, None)})
    return pairs


def _mean(values: Sequence[tuple[float, int]]) -> Estimate:
    return Estimate(sum(value for value, _ in values) / len(values), n=sum(n for _, n in values))
