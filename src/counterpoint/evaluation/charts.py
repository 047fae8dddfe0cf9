"""The report's charts, drawn as SVG text: no script, no library, colours from CSS variables (`templates/charts.css`).

Every chart is one `<svg role="img">` with a title and a description, is valid XML, and escapes whatever it is given.
Coordinates are SVG units, about a CSS pixel each at the width a chart is shown.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from counterpoint.evaluation.method_labels import MethodLabel

CURVE_POINTS = 60
"""Points a training curve keeps; longer ones are averaged in equal stretches, so that the page stays small."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval, each None where undefined, and the number of answers behind it."""

    mean: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True)
class Point:
    """A method's accuracy on the positive poles (x) and on the negative ones (y); `pair` is empty for the mean."""

    method: MethodLabel
    x: float
    y: float
    pair: str = ""


def clean(text: object) -> str:
    """Text that XML allows: control characters and lone surrogates become a replacement mark."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in str(text))


def shorten(text: object, length: int) -> str:
    """The first `length` characters, with an ellipsis where something was cut."""
    whole = clean(text)
    return whole if len(whole) <= length else whole[: length - 1].rstrip() + "…"


def number(value: float | None, digits: int = 3) -> str:
    """A number for reading: fixed digits, a true minus sign, a dash where undefined."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def marker(method: MethodLabel, *, x: float, y: float, size: float = 4.5, faint: bool = False, title: str = "") -> str:
    """A method's mark centred on (x, y), half as wide as `size` says; `title` is shown on hover."""
    s = size
    points = {
        "up": [(0, -1.1), (1.05, 0.8), (-1.05, 0.8)],
        "down": [(0, 1.1), (1.05, -0.8), (-1.05, -0.8)],
        "diamond": [(0, -1.25), (1.1, 0), (0, 1.25), (-1.1, 0)],
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "hexagon": [(math.cos(a * math.pi / 3) * 1.1, math.sin(a * math.pi / 3) * 1.1) for a in range(6)],
    }
    if method.shape == "circle":
        body = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{s:.1f}"'
    elif method.shape == "cross":
        body = f'<path d="M{x - s:.1f} {y - s:.1f}l{2 * s:.1f} {2 * s:.1f}m0 {-2 * s:.1f}l{-2 * s:.1f} {2 * s:.1f}"'
    elif method.shape == "plus":
        r = 1.25 * s
        body = f'<path d="M{x - r:.1f} {y:.1f}h{2 * r:.1f}M{x:.1f} {y - r:.1f}v{2 * r:.1f}"'
    else:
        corners = " ".join(f"{x + dx * s:.1f},{y + dy * s:.1f}" for dx, dy in points[method.shape])
        body = f'<polygon points="{corners}"'
    classes = f"mk {method.ink}" + (" hollow" if method.hollow else "") + (" faint" if faint else "")
    return f'{body} class="{classes}">{_title(title)}</{body[1:].split()[0]}>'


def swatch(method: MethodLabel) -> Markup:
    """A method's mark alone, to stand beside its name; hidden from screen readers, which read the name."""
    mark = marker(method, x=8, y=8, size=5)
    return Markup(f'<svg class="swatch" viewBox="0 0 16 16" aria-hidden="true">{mark}</svg>')


def interval_bar(method: MethodLabel, estimate: Estimate, chance: float | None) -> Markup:
    """A table cell's picture of one share with its interval on a line from 0 to 1; a tick stands at chance."""
    width, y = 120.0, 9.0
    parts = [f'<path class="rail" d="M4 {y}H{width - 4}"/>']
    at = _scale(0, 1, 4, width - 4)
    if chance is not None:
        parts.append(f'<path class="chance" d="M{at(chance):.1f} 2V16"/>')
    parts.append(_whisker(method, estimate, at, y))
    return Markup(f'<svg class="bar" viewBox="0 0 {width:.0f} 18" aria-hidden="true">{"".join(parts)}</svg>')


def pole_panel(
    key: str,
    pair: str,
    poles: Sequence[str],
    rows: Sequence[tuple[MethodLabel, Mapping[str, Estimate]]],
    chance: float | None,
) -> Markup:
    """One value pair: a row a method, a column a pole, Acc_one with its interval. `rows` maps pole to estimate."""
    left, width, gap, top, step = 118.0, 340.0, 18.0, 40.0, 18.0
    bottom = top + step * len(rows)
    wide = (width - left - gap * (len(poles) - 1) - 8) / max(1, len(poles))
    parts = []
    for i, (method, _) in enumerate(rows):
        y = top + step * (i + 0.5)
        parts.append(f'<text class="row" x="0" y="{y + 4:.1f}">{_text(shorten(method.label, 18))}</text>')
    for column, pole in enumerate(poles):
        start = left + column * (wide + gap)
        at = _scale(0, 1, start, start + wide)
        parts.append(_wrapped(pole, x=start + wide / 2, y=top - 10))
        for tick in (0, 0.5, 1):
            parts.append(f'<path class="grid" d="M{at(tick):.1f} {top:.0f}V{bottom:.0f}"/>')
            label = f"{tick:g}".lstrip("0") or "0"
            parts.append(f'<text class="tick" x="{at(tick):.1f}" y="{bottom + 14:.0f}">{label}</text>')
        if chance is not None:
            parts.append(f'<path class="chance" d="M{at(chance):.1f} {top:.0f}V{bottom:.0f}"/>')
        for i, (method, by_pole) in enumerate(rows):
            estimate = by_pole.get(pole, Estimate(None))
            parts.append(_whisker(method, estimate, at, top + step * (i + 0.5), pole))
    listed = "; ".join(
        f"{method.label}: " + ", ".join(f"{pole} {number(by.get(pole, Estimate(None)).mean, 2)}" for pole in poles)
        for method, by in rows
    )
    return _svg(key, width, bottom + 20, f"Accuracy for each pole of {pair}", listed, parts)


def both_sides(points: Sequence[Point], chance: float | None) -> Markup:
    """Accuracy on positive poles across, on negative poles up: a strong mark a method, faint ones its value pairs."""
    size, left, top = 440.0, 54.0, 12.0
    right, bottom = size - 12, size - 46
    across, up = _scale(0, 1, left, right), _scale(0, 1, bottom, top)
    parts = [f'<path class="diagonal" d="M{left} {bottom}L{right} {top}"/>']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path class="grid" d="M{across(tick):.1f} {top}V{bottom}M{left} {up(tick):.1f}H{right}"/>')
        parts.append(f'<text class="tick" x="{across(tick):.1f}" y="{bottom + 16}">{tick:g}</text>')
        parts.append(f'<text class="tick end" x="{left - 7}" y="{up(tick) + 4:.1f}">{tick:g}</text>')
    if chance is not None:
        x, y = across(chance), up(chance)
        parts.append(f'<path class="chance" d="M{x:.1f} {top}V{bottom}M{left} {y:.1f}H{right}"/>')
        parts.append(f'<text class="note" x="{left + 4}" y="{y - 4:.1f}">chance</text>')
    middle = (left + right) / 2
    parts.append(f'<text class="axis" x="{middle}" y="{size - 8}">asked for the positive pole</text>')
    parts.append(
        f'<text class="axis" transform="translate(12 {middle - 17})rotate(-90)">asked for the negative pole</text>'
    )
    for point in sorted(points, key=lambda p: not p.pair):
        who = f"{point.method.label}, {point.pair}" if point.pair else point.method.label
        title = f"{who}: {point.x:.2f} positive, {point.y:.2f} negative"
        at = {"x": across(point.x), "y": up(point.y)}
        parts.append(marker(point.method, **at, size=2.6 if point.pair else 6, faint=bool(point.pair), title=title))
    means = [point for point in points if not point.pair]
    parts.append(_point_labels([(p.method.label, across(p.x), up(p.y)) for p in means], (left, right, top, bottom)))
    listed = "; ".join(f"{p.method.label}: positive {p.x:.2f}, negative {p.y:.2f}" for p in means)
    return _svg(key="both", width=size, height=size, title="Both sides of every value", desc=listed, parts=parts)


def curve_panel(key: str, method: MethodLabel, runs: Sequence[Sequence[tuple[float, float]]], unit: str) -> Markup:
    """Training loss against progress, a line a seed. `runs[seed]` holds (epoch or step, loss in nats) in order."""
    width, height, left, right, top, bottom = 200.0, 140.0, 34.0, 194.0, 10.0, 112.0
    end = max(x for run in runs for x, _ in run)
    runs = [thin(run) for run in runs if run]
    ys = [y for run in runs for _, y in run]
    low, high = min(0.0, *ys), max(ys)
    across, up = _scale(0, end, left, right), _scale(low, high, bottom, top)
    parts = [f'<path class="grid" d="M{left} {bottom}H{right}M{left} {top}H{right}"/>']
    for value in (low, high):
        parts.append(f'<text class="tick end" x="{left - 5}" y="{up(value) + 4:.1f}">{number(value, 2)}</text>')
    for run in runs:
        line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in run)
        parts.append(f'<polyline class="line {method.ink}" points="{line}"/>')
        if len(run) == 1:
            parts.append(marker(method, x=across(run[0][0]), y=up(run[0][1]), size=3))
    parts.append(f'<text class="tick start" x="{left}" y="{bottom + 15}">0</text>')
    parts.append(f'<text class="tick end" x="{right}" y="{bottom + 15}">{round(end, 1):.6g} {_text(unit)}</text>')
    first, last = (sum(run[place][1] for run in runs) / len(runs) for place in (0, -1))
    desc = f"Seeds: {len(runs)}; mean loss {number(first)} at the start, {number(last)} at the end"
    return _svg(key, width, height, f"Training loss of {method.label}", desc, parts)


def reliability_panel(key: str, method: MethodLabel, bins: Sequence[tuple[float, float, int]]) -> Markup:
    """Share right against confidence, a mark a bin (confidence, accuracy, answers); its area grows with the answers."""
    size, left, top = 200.0, 28.0, 8.0
    right, bottom = size - 8, size - 28
    across, up = _scale(0, 1, left, right), _scale(0, 1, bottom, top)
    parts = [f'<path class="diagonal" d="M{left} {bottom}L{right} {top}"/>']
    for tick in (0, 0.5, 1):
        parts.append(f'<path class="grid" d="M{across(tick):.1f} {top}V{bottom}M{left} {up(tick):.1f}H{right}"/>')
        parts.append(f'<text class="tick" x="{across(tick):.1f}" y="{bottom + 14}">{tick:g}</text>')
        parts.append(f'<text class="tick end" x="{left - 5}" y="{up(tick) + 4:.1f}">{tick:g}</text>')
    line = " ".join(f"{across(c):.1f},{up(a):.1f}" for c, a, _ in bins)
    parts.append(f'<polyline class="line {method.ink}" points="{line}"/>')
    most = max((n for *_, n in bins), default=1) or 1
    for confidence, accuracy, n in bins:
        title = f"said {confidence:.2f}, right {accuracy:.2f}, {n} answers"
        radius = 2.2 + 4.3 * math.sqrt(n / most)
        parts.append(marker(method, x=across(confidence), y=up(accuracy), size=radius, title=title))
    listed = "; ".join(f"confidence {c:.2f}, right {a:.2f}, n {n}" for c, a, n in bins)
    return _svg(key, size, size, f"Calibration of {method.label}", listed, parts)


def step_lines(
    key: str, title: str, steps: Sequence[float], lines: Sequence[tuple[MethodLabel, Mapping[Any, Estimate]]], unit: str
) -> Markup:
    """A measure against a few numbers of `unit`, evenly spaced: a line a method, intervals side by side."""
    width, height, left, top = 760.0, 380.0, 44.0, 12.0
    right, bottom = width - 190, height - 44
    low, high, ticks = nice_range([e for _, by_step in lines for e in by_step.values()])
    places = _scale(-0.35, len(steps) - 0.65, left, right)
    up = _scale(low, high, bottom, top)
    parts = []
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{left} {up(tick):.1f}H{right}"/>')
        parts.append(f'<text class="tick end" x="{left - 7}" y="{up(tick) + 4:.1f}">{_text(tick_label(tick))}</text>')
    for i, step in enumerate(steps):
        parts.append(f'<text class="tick" x="{places(i):.1f}" y="{bottom + 17}">{_text(tick_label(step))}</text>')
    parts.append(f'<text class="axis" x="{(left + right) / 2}" y="{height - 8}">{_text(unit)}</text>')
    names = []
    for number_, (method, by_step) in enumerate(lines):
        aside = (number_ - (len(lines) - 1) / 2) * 7.0
        found = [(places(i) + aside, by_step[s]) for i, s in enumerate(steps) if s in by_step]
        marks = [(x, e, e.mean) for x, e in found if e.mean is not None]
        parts.append(_polyline(method, [(x, up(mean)) for x, _, mean in marks]))
        for x, e, mean in marks:
            said = f"{method.label}: {number(mean)}"
            if e.low is not None and e.high is not None:
                parts.append(f'<path class="whisker {method.ink}" d="M{x:.1f} {up(e.low):.1f}V{up(e.high):.1f}"/>')
                said += f" ({number(e.low)} to {number(e.high)})"
            parts.append(marker(method, x=x, y=up(mean), size=4, title=said))
        if marks:
            names.append((method.label, marks[-1][0], up(marks[-1][2])))
    edge = max((x for _, x, _ in names), default=right)
    names = [(name, edge, y) for name, _, y in names]
    parts.append(_point_labels(names, (2 * right, 2 * right, top, bottom), length=30))
    listed = "; ".join(
        f"{method.label}: " + ", ".join(f"{step}: {number(e.mean, 2)}" for step, e in by_step.items())
        for method, by_step in lines
    )
    return _svg(key, width, height, title, listed, parts)


def forest(
    key: str, title: str, rows: Sequence[tuple[MethodLabel, Estimate]], *, chance: float | None = None
) -> Markup:
    """One measure: a row a method with its interval; a dashed line stands at chance."""
    left, width, top, step = 172.0, 480.0, 8.0, 22.0
    right, bottom = width - 14, top + step * len(rows)
    extra = [Estimate(chance)] if chance is not None else []
    low, high, ticks = nice_range([*(value for _, value in rows), *extra])
    at = _scale(low, high, left, right)
    parts = []
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{at(tick):.1f} {top}V{bottom}"/>')
        parts.append(f'<text class="tick" x="{at(tick):.1f}" y="{bottom + 15}">{_text(tick_label(tick))}</text>')
    if chance is not None:
        parts.append(f'<path class="chance" d="M{at(chance):.1f} {top}V{bottom}"/>')
    for i, (method, value) in enumerate(rows):
        y = top + step * (i + 0.5)
        parts.append(f'<text class="row" x="0" y="{y + 4:.1f}">{_text(shorten(method.label, 28))}</text>')
        parts.append(_whisker(method, value, at, y))
    listed = "; ".join(f"{method.label}: {number(value.mean)}" for method, value in rows)
    return _svg(key, width, bottom + 22, title, listed, parts)


def nice_range(values: Sequence[Estimate]) -> tuple[float, float, list[float]]:
    """Ends of an axis that holds all means and intervals, and round numbers on it, five to ten."""
    ends = [end for value in values for end in (value.low, value.mean, value.high) if end is not None]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    width = max(high - low, 0.1 if max(abs(low), abs(high)) <= 1 else 0.1 * max(abs(low), abs(high)))
    power = 10.0 ** math.floor(math.log10(width / 5))
    size = next(power * step for step in (1, 2, 5, 10) if width / (power * step) <= 8)
    first = math.floor(low / size + 1e-9)
    last = max(math.ceil(high / size - 1e-9), first + math.ceil(width / size - 1e-9))
    ticks = [round(size * i, 12) for i in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def tick_label(value: float) -> str:
    """A round number as short as it goes, with a true minus sign."""
    return f"{value:.6g}".replace("-", "−")


def _polyline(method: MethodLabel, points: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="line {method.ink}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def thin(run: Sequence[tuple[float, float]], *, most: int = CURVE_POINTS) -> list[tuple[float, float]]:
    """At most `most` points: means over equal stretches of the run."""
    if len(run) <= most:
        return list(run)
    edges = [round(i * len(run) / most) for i in range(most + 1)]
    stretches = [run[a:b] for a, b in pairwise(edges)]
    return [(sum(x for x, _ in s) / len(s), sum(y for _, y in s) / len(s)) for s in stretches]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = high - low or 1.0
    return lambda value: start + (min(max(value, low), high) - low) / span * (end - start)


def _whisker(method: MethodLabel, estimate: Estimate, at: Callable[[float], float], y: float, what: str = "") -> str:
    if estimate.mean is None:
        return f'<text class="note" x="{at(0) + 3:.1f}" y="{y + 4:.1f}">undefined (n={estimate.n})</text>'
    said = f"{method.label}{', ' + what if what else ''}: {number(estimate.mean)}"
    line = ""
    if estimate.low is not None and estimate.high is not None:
        said += f" ({number(estimate.low)} to {number(estimate.high)}), n={estimate.n}"
        line = f'<path class="whisker {method.ink}" d="M{at(estimate.low):.1f} {y:.1f}H{at(estimate.high):.1f}"/>'
    return line + marker(method, x=at(estimate.mean), y=y, size=4, title=said)


def _point_labels(
    labels: Sequence[tuple[str, float, float]], box: tuple[float, float, float, float], length: int = 24
) -> str:
    """Names beside their marks: to the left in the right half, pushed apart downwards, with a hairline to the mark."""
    left, right, top, bottom = box
    parts = []
    for leftwards in (True, False):
        side = sorted((y, x, text) for text, x, y in labels if (x > (left + right) / 2) == leftwards)
        gap, at = 15.0, top + 6
        places = []
        for y, _, _ in side:
            at = max(at, y)
            places.append(at)
            at += gap
        over = max(0.0, places[-1] - (bottom - 4)) if places else 0.0
        for (y, x, text), place in zip(side, places, strict=True):
            spot, end = place - over, x - 20 if leftwards else x + 20
            mark_edge = x - 9 if leftwards else x + 9
            anchor, shift = ("end", -3) if leftwards else ("start", 3)
            parts.append(f'<path class="leader" d="M{mark_edge:.1f} {y:.1f}L{end:.1f} {spot:.1f}"/>')
            name = _text(shorten(text, length))
            parts.append(f'<text class="name {anchor}" x="{end + shift:.1f}" y="{spot + 4:.1f}">{name}</text>')
    return "".join(parts)


def _wrapped(text: str, *, x: float, y: float, width: int = 14) -> str:
    """A heading of one or two lines that ends at height y."""
    lines = [""]
    for word in clean(text).replace("-", "- ").split():
        if lines[-1] and len(lines[-1]) + len(word) >= width and len(lines) < 2:
            lines.append("")
        space = "" if not lines[-1] or lines[-1].endswith("-") else " "
        lines[-1] = f"{lines[-1]}{space}{word}"
    parts = [
        f'<text class="head" x="{x:.1f}" y="{y - 13 * (len(lines) - 1 - i):.1f}">{_text(shorten(line, width))}</text>'
        for i, line in enumerate(lines)
    ]
    return f"<g>{_title(text)}{''.join(parts)}</g>"


def _svg(key: str, width: float, height: float, title: str, desc: str, parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{_text(title)}</title><desc id="{key}-d">{_text(desc)}</desc>{"".join(parts)}</svg>'
    )


def _title(text: str) -> str:
    return f"<title>{_text(text)}</title>" if text else ""


def _text(text: object) -> str:
    return html.escape(clean(text))
