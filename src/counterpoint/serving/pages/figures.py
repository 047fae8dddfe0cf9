"""What the pages' charts and tables show, made from beliefs, reasons and metrics. No HTTP in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from prometheus_client.parser import text_string_to_metric_families

from counterpoint.serving.pages import charts
from counterpoint.serving.pages.charts import Moment
from counterpoint.serving.pages.render import moment
from counterpoint.serving.people import Leaning, PathPoint, Preferences, Reason
from counterpoint.serving.store.records import CORRECTED
from counterpoint.types import Dilemma, Taxonomy
from counterpoint.users.belief import Vector


@dataclass(frozen=True)
class Row:
    """A leaning and its picture."""

    leaning: Leaning
    bar: Markup


@dataclass(frozen=True)
class Panel:
    """One value pair's path, and the same as rows: (time, mean, low, high)."""

    value_pair: str
    chart: Markup
    table: tuple[tuple[float, Moment], ...]


@dataclass(frozen=True)
class Ground:
    """One event that a leaning rests on: what it says, where it pulls, the dilemma it is about."""

    reason: Reason
    own_word: bool
    towards: str
    bar: Markup
    dilemma: Dilemma | None


def rows(preferences: Preferences) -> tuple[Row, ...]:
    """Every leaning on one common axis."""
    reach = charts.reach_of([end for one in preferences.leanings for end in (one.low, one.high)])
    return tuple(Row(one, _bar(one, reach)) for one in preferences.leanings)


def _bar(one: Leaning, reach: float) -> Markup:
    title = f"{one.value_pair}, from {one.negative} to {one.positive}"
    return charts.leaning_bar(title, Moment(one.mean, one.low, one.high), reach, own_word=one.corrected is not None)


def panels(path: Sequence[PathPoint], taxonomy: Taxonomy) -> tuple[Panel, ...]:
    """A panel a value pair, all on one scale. Nothing where nothing happened."""
    if len(path) < 2:
        return ()
    bounds = [point.belief.interval(0.9) for point in path]
    reach = charts.reach_of([float(end) for low, high in bounds for end in (*low, *high)])
    ends = (moment(path[1].time).split(",")[0], moment(path[-1].time).split(",")[0])
    return tuple(
        _panel(axis, pair.name, (pair.positive.name, pair.negative.name), path, bounds, reach, ends)
        for axis, pair in enumerate(taxonomy)
    )


def _panel(
    axis: int,
    value_pair: str,
    poles: tuple[str, str],
    path: Sequence[PathPoint],
    bounds: Sequence[tuple[Vector, Vector]],
    reach: float,
    ends: tuple[str, str],
) -> Panel:
    moments = []
    for point, (low, high) in zip(path, bounds, strict=True):
        mean = float(point.belief.mean[axis])
        when = moment(point.time) if point.event else "before anything happened"
        moments.append(Moment(mean, float(low[axis]), float(high[axis]), f"{when}: {charts.number(mean)}"))
    chart = charts.path_panel(f"path-{axis}", f"{value_pair} over time", poles, moments, reach, ends=ends)
    return Panel(value_pair, chart, tuple((p.time, m) for p, m in zip(path, moments, strict=True)))


def grounds(reasons: Sequence[Reason], leaning: Leaning, find: Mapping[str, Dilemma]) -> tuple[Ground, ...]:
    """Events with the pictures of their pulls, on one scale; `find` holds dilemmas by digest."""
    most = max((abs(reason.push) for reason in reasons), default=1.0) or 1.0
    return tuple(
        Ground(
            reason,
            reason.kind == CORRECTED,
            leaning.positive if reason.push > 0 else leaning.negative if reason.push < 0 else "neither side",
            charts.push_bar(reason.push, most),
            find.get(reason.dilemma),
        )
        for reason in reasons
    )


def latency(metrics_text: str) -> tuple[tuple[str, int], ...]:
    """Answers by how long they took, since the process began: (bucket, count), buckets doubling; checks left out."""
    edges: dict[float, int] = {}
    for family in text_string_to_metric_families(metrics_text):
        for sample in family.samples:
            quiet = sample.labels.get("route") in ("/healthz", "/readyz", "/metrics", "/static/{name}")
            if sample.name == "counterpoint_request_seconds_bucket" and not quiet:
                edge = float(sample.labels["le"])
                edges[edge] = edges.get(edge, 0) + int(sample.value)
    ordered = sorted(edges)
    counts = [
        edges[edge] - (edges[before] if before else 0) for before, edge in zip([0.0, *ordered], ordered, strict=False)
    ]
    named = {_bucket(edge): 0 for edge in ordered}
    for edge, found in zip(ordered, counts, strict=True):
        named[_bucket(edge)] += found
    return tuple(named.items())


def _bucket(edge: float) -> str:
    """Few enough to read: the upper end of one of seven buckets."""
    for end, name in ((0.01, "10 ms"), (0.05, "50 ms"), (0.1, "0.1 s"), (0.5, "0.5 s"), (2.0, "2 s"), (10.0, "10 s")):
        if edge <= end:
            return name
    return "more"


@dataclass(frozen=True)
class Drift:
    """How a leaning has moved in the mean over some people. `moved`: how many moved by more than their doubt."""

    value_pair: str
    positive: str
    negative: str
    then: float
    now: float
    moved: int
    bar: Markup


def drift(pairs: Sequence[tuple[Preferences, Preferences]]) -> tuple[Drift, ...]:
    """For each value pair the mean leaning then and now; `pairs` holds a person's preferences at both times."""
    if not pairs:
        return ()
    found = []
    for axis, leaning in enumerate(pairs[0][0].leanings):
        befores, afters = ([side[i].leanings[axis] for side in pairs] for i in (0, 1))
        then, now = (sum(one.mean for one in ones) / len(pairs) for ones in (befores, afters))
        moved = sum(abs(a.mean - b.mean) > max(a.sd, b.sd) for b, a in zip(befores, afters, strict=True))
        title = f"{leaning.value_pair}, from {leaning.negative} to {leaning.positive}"
        bar = charts.drift_bar(title, then, now, charts.LEAST_REACH)
        found.append(Drift(leaning.value_pair, leaning.positive, leaning.negative, then, now, moved, bar))
    return tuple(found)
