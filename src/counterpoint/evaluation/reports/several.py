"""The page of several runs: side by side, and in pairs where they asked the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.evaluation import charts
from counterpoint.evaluation.charts import number
from counterpoint.evaluation.headline import Headline
from counterpoint.evaluation.method_labels import MethodLabel, label_methods
from counterpoint.evaluation.report import Run, render_page
from counterpoint.evaluation.report_tables import estimate, finite
from counterpoint.evaluation.reports.extract import Part, dimensions, kind_of, labels_of, paired_table, summary_tables
from counterpoint.evaluation.reports.figures import Figure
from counterpoint.evaluation.reports.measures import measure, ordered
from counterpoint.evaluation.reports.pairing import Named, Pairing, pair_runs
from counterpoint.evaluation.reports.table import Column, Table, words


class Compared(NamedTuple):
    """Everything that is said of several runs."""

    tables: list[Table]
    figures: list[Figure]
    pairing: Pairing


def named(folders: Sequence[Path], runs: Sequence[Run]) -> list[Named]:
    """Runs by the shortest end of their paths that tells them apart."""
    whole = [folder.resolve() for folder in folders]
    for length in range(1, max(len(path.parts) for path in whole) + 1):
        names = ["/".join(path.parts[-length:]) for path in whole]
        if len(set(names)) == len(names):
            break
    else:
        names = [f"{name} ({i + 1})" for i, name in enumerate(names)]
    return [Named(name, run) for name, run in zip(names, runs, strict=True)]


def compare_runs(runs: Sequence[Named]) -> Compared:
    """Tables and figures of several runs."""
    methods = labels_of({"summary": [row for r in runs for row in r.run.results.get("summary") or []]})
    labels = _labels(runs, methods)
    pairing = pair_runs(runs)
    tables, figures = [_overview(runs)], []
    kinds = list(dict.fromkeys(kind_of(r.run.results) for r in runs))
    for kind in kinds:  # what two suites call by one name are two things
        own = [r for r in runs if kind_of(r.run.results) == kind]
        prefix = f"{kind.replace(' ', '_')}_" if len(kinds) > 1 else ""
        tables += _side_by_side(own, f"{kind}: " if prefix else "", prefix, methods)
        figures += _figures(_rows_of(own, "summary"), labels, prefix)
    across = paired_table(Part("", {"paired": pairing.rows}), "", labels)
    tables += [replace(across, title="Differences between runs, sample by sample")] if across else []
    return Compared(tables, figures, pairing)


def _rows_of(runs: Sequence[Named], key: str) -> list[dict[str, Any]]:
    return [{**row, "run": r.name} for r in runs for row in r.run.results.get(key) or []]


def _side_by_side(runs: Sequence[Named], heading: str, prefix: str, methods: Mapping[str, MethodLabel]) -> list[Table]:
    """Tables of runs of one kind; every row says whose it is."""
    found = Part("", {key: _rows_of(runs, key) for key in ("summary", "paired")})
    tables = summary_tables(found, prefix, methods, always=("run",))
    titles = ["Every run side by side", *(table.title for table in tables[1:])]
    return [replace(table, title=heading + title) for table, title in zip(tables, titles, strict=False)]


def render(runs: Sequence[Named], found: Compared) -> str:
    """The page as text."""
    return render_page("several.html", _context(runs, found))


def _context(runs: Sequence[Named], found: Compared) -> dict[str, Any]:
    sections = [
        ("result", "Result"),
        *((f"t-{table.name}", said) for table in found.tables if (said := _short(table))),
    ]
    sections += [("f-intervals", "Charts")] if found.figures else []
    return {
        "sections": sections,
        "results": {"command": "report", "version": runs[0].run.results.get("version")},
        "config": {},
        "data": {},
        "headline": _headline(runs, found.pairing),
        "highlights": [],
        "tables": found.tables,
        "refused": found.pairing.refused,
        "figures": found.figures,
    }


def _short(table: Table) -> str:
    """In the navigation; empty where the table isn't there."""
    if table.name.endswith("_summary"):
        return table.name.removesuffix("_summary").replace("_", " ")
    return {"runs": "Runs", "summary": "Side by side", "paired": "Differences"}.get(table.name, "")


def _headline(runs: Sequence[Named], pairing: Pairing) -> Headline:
    count = f"{len(runs)} runs"
    shown = [row for row in pairing.rows if (p := finite(row.get("p_holm"))) is not None and p < 0.05]
    if not pairing.rows:
        return Headline(f"{count} side by side; nothing is compared in pairs", tuple(pairing.refused))
    if not shown:
        said = "That is no proof that there is none: see the intervals."
        return Headline(f"{count}: no difference between them is shown", (said, *pairing.refused))
    return Headline(
        f"{count}: {len(shown)} of {len(pairing.rows)} differences are shown",
        (*(f"{measure(row['metric']).heading}: {row['verdict']}." for row in shown[:6]), *pairing.refused),
    )


def _labels(runs: Sequence[Named], methods: Mapping[str, MethodLabel]) -> dict[str, MethodLabel]:
    """A mark of its own for every method of every run."""
    all_of = {
        run.of(method): (run.name, method)
        for run in runs
        for method in dict.fromkeys(str(row.get("method")) for row in run.run.results.get("summary") or [])
    }
    return {
        name: replace(mark, label=f"{methods[all_of[name][1]].label} ({all_of[name][0]})")
        for name, mark in label_methods(all_of).items()
    }


def _figures(summary: Sequence[Mapping[str, Any]], labels: Mapping[str, MethodLabel], prefix: str) -> list[Figure]:
    """A chart a metric, where nothing but the run tells a method's rows apart."""
    if set(dimensions(summary)) - {"run"}:
        return []
    found = []
    for metric in ordered(list(dict.fromkeys(str(row.get("metric")) for row in summary))):
        values = {f"{r['run']}: {r.get('method')}": estimate(r) for r in summary if r.get("metric") == metric}
        rows = [(label, values[name]) for name, label in labels.items() if name in values]
        name = f"{prefix}{metric}".replace("_", "-")
        chart = charts.forest(f"f-{name}", measure(metric).heading, rows)
        found.append(Figure("intervals", f"intervals-{name}", measure(metric).heading, chart))
    return found


def _overview(runs: Sequence[Named]) -> Table:
    heads = ("Run", "Command", "Model", "Data (SHA-256)", "Asked", "Seeds", "Failed", "Seconds")
    numbers = ("Asked", "Seeds", "Failed", "Seconds")
    lines = []
    for name, run in runs:
        results = run.results
        config, data = results.get("config") or {}, results.get("data") or {}
        kind, command = kind_of(results), str(results.get("command", ""))
        suite = f" --suite {kind}" if command == "evaluate" and kind != command else kind.removeprefix(command)
        lines.append(
            (
                words(name),
                words(f"{command}{suite}"),
                words(config.get("model") or "not recorded"),
                words(str(data.get("sha256") or "not recorded")[:12]),
                words(data.get("test", "")),
                words(config.get("seeds", "")),
                words(len(results.get("failures") or [])),
                words(number(finite((results.get("seconds") or {}).get("total")), 1)),
            )
        )
    return Table("runs", "What was run", tuple(Column(h, number=h in numbers) for h in heads), tuple(lines))
