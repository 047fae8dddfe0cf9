"""The harm suite's `report.html`, in the form of `compare`'s: one file, no script, nothing loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.harm.counting import METRICS
from counterpoint.evaluation.headline import Headline, percent
from counterpoint.evaluation.report import read_run, render_page
from counterpoint.evaluation.report_tables import estimate, finite
from counterpoint.runlog import write_text
from counterpoint.steering.asking import BASE

SECTIONS = (
    ("result", "Result"),
    ("table", "Methods"),
    ("changed", "Changed answers"),
    ("run", "Run"),
    ("definitions", "Definitions"),
)
ALPHA = 0.05
CASES = 20
"""Changed answers shown at most."""
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Line:
    """One condition's row of one metric's table."""

    method: str
    strength: float
    value: Estimate
    undefined: int
    difference: Estimate | None
    p: float | None

    @property
    def differs(self) -> bool:
        """Whether a difference from the base is shown."""
        return self.p is not None and self.p < ALPHA


@dataclass(frozen=True)
class Panel:
    """One metric's table."""

    metric: str
    title: str
    unit: str
    lines: tuple[Line, ...]


def write_harm_report(folder: Path) -> Path:
    """Write `folder/report.html` from `folder/results.json` and `folder/changed.json`.

    Raises:
        BadInputError: `results.json` is missing or not of the known schema.
    """
    target = folder / "report.html"
    write_text(target, harm_page(folder))
    return target


def harm_page(folder: Path) -> str:
    """The page as text; see `write_harm_report`."""
    return render_page("harm.html", _context(read_run(folder).results, _cases(folder)))


def panels(results: Mapping[str, Any]) -> list[Panel]:
    """A table for every metric of the run."""
    summary: Rows = results.get("summary") or []
    paired = {(r["metric"], r["a"], r["strength"]): r for r in results.get("paired") or []}
    found = []
    for metric in dict.fromkeys(row["metric"] for row in summary):
        known = METRICS.get(metric)
        lines = []
        for row in (row for row in summary if row["metric"] == metric):
            own = paired.get((metric, row["method"], row["strength"]))
            ends = [finite(own[key]) for key in ("difference", "ci_low", "ci_high")] if own else None
            difference = Estimate(ends[0], ends[1], ends[2]) if ends else None
            p = finite(own["p_holm"]) if own else None
            value = estimate(row)
            lines.append(Line(row["method"], row["strength"], value, int(row.get("undefined") or 0), difference, p))
        title = known.title if known else metric
        found.append(Panel(metric, title, "Share" if known is None or known.share else "Mean", tuple(lines)))
    return found


def _context(results: Mapping[str, Any], cases: Rows) -> dict[str, Any]:
    config = results.get("config") or {}
    tables = panels(results)
    return {
        "sections": SECTIONS,
        "results": results,
        "config": config,
        "data": results.get("data") or {},
        "seconds": results.get("seconds") or {},
        "headline": _headline(tables),
        "highlights": _highlights(tables),
        "panels": tables,
        "changed": cases[:CASES],
        "dials": ", ".join(config.get("dials") or []),
    }


def _cases(folder: Path) -> Rows:
    try:
        found = json.loads((folder / "changed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []


def _headline(tables: Sequence[Panel]) -> Headline:
    """Harm is claimed only where a test shows some; its absence never."""
    worse = []
    for panel in tables:
        known = METRICS.get(panel.metric)
        for line in panel.lines:
            if not (known and known.better and line.differs and line.difference and line.difference.mean is not None):
                continue
            if line.difference.mean * known.better < 0:
                worse.append(f"{line.method} at strength {line.strength:g}: {known.title.lower()}")
    if not worse:
        return Headline("No harm of steering is shown", ("That is no proof that there is none: see the intervals.",))
    count = f"{len(worse)} {'measure gets' if len(worse) == 1 else 'measures get'} worse under steering"
    return Headline(count[0].upper() + count[1:], tuple(f"{text}." for text in worse[:6]))


def _highlights(tables: Sequence[Panel]) -> list[tuple[str, str]]:
    changed = next((panel for panel in tables if panel.metric == "neutral_changed"), None)
    lines = [line for line in changed.lines if line.method != BASE and line.value.mean is not None] if changed else []
    return [
        (f"neutral answers changed, {line.method} {line.strength:g}", percent(line.value.mean)) for line in lines[:4]
    ]
