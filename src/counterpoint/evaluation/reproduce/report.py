"""`report.html` of a reproduced paper, in the form of `compare`'s: one file, no script, nothing loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from counterpoint.evaluation import charts
from counterpoint.evaluation.aloe.counting import LABELS as ALOE_LABELS
from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.headline import Headline, Paired, percent
from counterpoint.evaluation.history.counting import METRIC
from counterpoint.evaluation.history.labels import CHARTED, LABELS
from counterpoint.evaluation.method_labels import MethodLabel, label_methods
from counterpoint.evaluation.report import Run, context, read_run, render_page
from counterpoint.evaluation.report_tables import estimate, finite, paired_rows


def write_reproduction(folder: Path) -> Path:
    """Write `folder/report.html` from `folder/results.json`, and tables and figures for papers.

    Raises:
        BadInputError: `results.json` is missing or not of the known schema.
    """
    from counterpoint.evaluation.reports.writing import report_run

    return report_run(folder)[0]


def reproduction_page(folder: Path) -> str:
    """The page as text; see `write_reproduction`."""
    run = read_run(folder)
    if run.results.get("reproduces") == "aloe":
        return render_page("reproduce_aloe.html", _aloe(run))
    return render_page("reproduce_pft.html", _context(run))


def _context(run: Run) -> dict[str, Any]:
    results = run.results
    usual = context(run)
    return {
        **usual,
        "sections": _sections(results),
        "headline": _headline(usual["labels"], usual["paired"]),
        "paper": results.get("paper") or {},
        "power": results.get("power") or {},
        "ablations": _ablations(results.get("ablations")),
        "held_out": _held_out(results.get("held_out")),
        "history": _history(results.get("history")),
        "figure": _figure,
    }


def _sections(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [("result", "Result"), ("paper", "The paper"), ("table", "Methods"), ("paired", "Differences")]
    found += [
        (name, title)
        for name, title in (("ablations", "Ablations"), ("held_out", "Other families"), ("history", "Histories"))
        if results.get(name)
    ]
    return [*found, ("poles", "Poles"), ("calibration", "Calibration"), ("worst", "Hardest"), ("run", "Run")]


def _headline(labels: Mapping[str, MethodLabel], paired: Sequence[Paired]) -> Headline:
    """How PFT stands against each rival; a tie is called one."""
    tests = [row for row in paired if row.metric == "acc_one" and not labels[row.b].rule]
    said = {"ahead": [], "behind": [], "no difference": []}  # type: dict[str, list[str]]
    for row in tests:
        kind = "no difference" if not row.shown else "ahead" if (row.difference or 0) > 0 else "behind"
        said[kind].append(labels[row.b].label)
    count = len(tests)
    title = f"PFT is shown to be ahead of {len(said['ahead'])} of {count} methods"
    if said["behind"]:
        title += f", and behind {len(said['behind'])}"
    words = {"ahead": "Ahead of", "behind": "Behind", "no difference": "No difference shown from"}
    sentences = [f"{words[kind]} {', '.join(names)}." for kind, names in said.items() if names]
    return Headline(title, tuple(sentences))


def _figure(row: Mapping[str, Any], key: str = "ours") -> str:
    """A figure in its unit."""
    value = finite(row.get(key))
    if value is None:
        return "–"
    return charts.number(value, 2) if row.get("unit") in ("of 10", "number") else percent(value)


def _ablations(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    verdicts = {row["b"]: row for row in found["paired"] if row["metric"] == "acc_one"}
    rows: dict[str, dict[str, Any]] = {}
    for row in found["summary"]:
        kept = rows.setdefault(row["method"], {"factor": row["factor"], "value": row["value"], "estimates": {}})
        kept["estimates"][row["metric"]] = estimate(row)
    for name, row in rows.items():
        row["test"] = verdicts.get(name)
    return {"rows": list(rows.values()), "chosen": found["chosen"]}


def _held_out(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    labels = label_methods([row["method"] for row in found["summary"]])
    means = {(row["method"], row["metric"]): estimate(row) for row in found["summary"]}
    pairs: dict[str, dict[tuple[str, str], Estimate]] = {}
    for row in found["per_pole"]:
        pairs.setdefault(row["value_pair"], {})[row["method"], row["pole"]] = estimate(row)
    return {
        "family": found["family"],
        "chance": finite(found["chance"]),
        "labels": labels,
        "means": means,
        "pairs": pairs,
        "paired": [row for row in paired_rows(found["paired"]) if row.metric == "acc_one"],
    }


def _history(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    summary = [row for row in found["summary"] if row["metric"] == METRIC and row["noise"] == 0]
    histories = sorted({row["history"] for row in summary})
    lines = {
        name: {row["history"]: estimate(row) for row in summary if row["method"] == name}
        for name in LABELS
        if any(row["method"] == name for row in summary)
    }
    drawn = [(LABELS[name], line) for name, line in lines.items() if name in CHARTED]
    return {
        "histories": histories,
        "lines": [(LABELS[name], line) for name, line in lines.items()],
        "chart": charts.step_lines("history-c", "Alignment by number of choices", histories, drawn, "choices seen"),
        "people": found["config"]["people"],
    }


# ALOE


def _aloe(run: Run) -> dict[str, Any]:
    results = run.results
    main = _levels(results, "levels")
    sections = [("result", "Result"), ("paper", "The paper"), ("levels", "By turn"), ("paired", "Differences")]
    sections += [(name, title) for name, title in (("longer", "Longer"), ("ablations", "Ablations")) if results[name]]
    return {
        "results": results,
        "config": results.get("config") or {},
        "data": results.get("data") or {},
        "seconds": results.get("seconds") or {},
        "sections": [*sections, ("run", "Run")],
        "headline": _aloe_headline(main["paired"]),
        "highlights": [],
        "paper": results.get("paper") or {},
        "power": results.get("power") or {},
        "figure": _figure,
        "metric_name": _aloe_metric,
        "main": main,
        "longer": _levels(results["longer"], "longer") if results["longer"] else None,
        "ablations": _levels(results["ablations"], "ablations") if results["ablations"] else None,
    }


def _levels(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    """AL by turn and its lines, a method a line; differences are of the method with more training."""
    names = list(dict.fromkeys(row["method"] for row in found["summary"]))
    labels = _aloe_labels(names)
    means = {(row["method"], row["metric"]): estimate(row) for row in found["summary"]}
    turns = sorted({row["turn"] for row in found["summary"] if row.get("turn")})
    drawn = [(labels[name], {turn: means[name, f"al_{turn}"] for turn in turns}) for name in names]
    lines = [
        {
            "label": labels[name],
            "levels": levels,
            "metrics": {metric: means[name, metric] for metric in ("al", "gain", "ir", "n_ir", "n_r2")},
        }
        for name, (_, levels) in zip(names, drawn, strict=True)
    ]
    return {
        "turns": turns,
        "lines": lines,
        "labels": labels,
        "chart": charts.step_lines(f"{key}-c", "AL by turn", turns, drawn, "turn"),
        "paired": [_trained_first(row, names) for row in paired_rows(found["paired"])],
    }


def _aloe_labels(names: Sequence[str]) -> dict[str, MethodLabel]:
    """Methods as the verdicts call them."""
    known = label_methods(names)
    return {name: replace(known[name], label=ALOE_LABELS.get(name, name)) for name in names}


def _trained_first(row: Paired, names: Sequence[str]) -> Paired:
    """The difference turned round where `b` is listed after `a`, so that more than without training is above 0."""
    if None in (row.difference, row.low, row.high) or names.index(row.a) > names.index(row.b):
        return row
    low, high = 0.0 - (row.high or 0.0), 0.0 - (row.low or 0.0)
    return replace(row, a=row.b, b=row.a, difference=0.0 - (row.difference or 0.0), low=low, high=high)


def _aloe_metric(metric: str) -> str:
    """A metric in words."""
    names = {"al": "AL, mean over turns", "gain": "AL, last turn less first", "ir": "IR"}
    return names.get(metric) or f"AL at turn {metric.removeprefix('al_')}"


def _aloe_headline(paired: Sequence[Paired]) -> Headline:
    """Whether alignment is higher, and rises more, than without training."""
    tests = {row.metric: row for row in paired if row.between("base", "sft+dpo")}
    level, gain = tests.get("al"), tests.get("gain")
    if level is None or level.difference is None:
        return Headline("No alignment was measured", ())
    up = (level.difference > 0) == (level.a == "sft+dpo")
    title = "No difference in alignment is shown between training and none"
    if level.shown:
        title = f"Training {'raises' if up else 'lowers'} alignment, and the data support it"
    said = [
        f"{what}: {row.verdict}." for row, what in ((level, "Mean over turns"), (gain, "Last turn less first")) if row
    ]
    return Headline(title, tuple(said))
