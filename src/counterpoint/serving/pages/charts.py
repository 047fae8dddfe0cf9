"""Charts as SVG text: no script, no library, colours from classes of the style sheet, which knows light and dark.

Each is one `<svg role="img">` with a title and a description that says its figures, is valid XML, and escapes whatever
it is given. Bars stretch with the page: their lines and dots keep their width (`non-scaling-stroke`), a dot being a
line of no length with round ends. Panels keep their shape and are laid out as small multiples.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

LEAST_REACH, MOST_REACH = 2.0, 5.0
"""Log-odds that the axes of leanings show at least and at most; what lies beyond is drawn at the edge."""
_WIDE = 400.0
_PANEL_WIDTH, _PANEL_HEIGHT = 320.0, 168.0


@dataclass(frozen=True)
class Moment:
    """Where somebody was believed to stand on one value pair. `said`: time and what happened, for the pointer."""

    mean: float
    low: float
    high: float
    said: str = ""


def number(value: float | None, digits: int = 2) -> str:
    """A number for reading: fixed digits, a true minus sign, no minus before nothing, a dash where undefined."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")


def reach_of(ends: Sequence[float]) -> float:
    """How far an axis goes on either side of 0, log-odds."""
    return min(MOST_REACH, max([LEAST_REACH, *map(abs, ends)]) * 1.05)


def leaning_bar(title: str, moment: Moment, reach: float, *, own_word: bool = False) -> Markup:
    """One leaning on a rail from -`reach` to `reach`: 90% interval and mean; a person's own word is a ring."""
    at = _scale(-reach, reach, 10, _WIDE - 10)
    parts = [
        f'<path class="rail" d="M6 16H{_WIDE - 6:.0f}"/><path class="zero" d="M{_WIDE / 2:.0f} 5V27"/>',
        "" if own_word else f'<path class="span" d="M{at(moment.low):.1f} 16H{at(moment.high):.1f}"/>',
        f'<path class="{"dot own" if own_word else "dot"}" d="M{at(moment.mean):.1f} 16h0"/>',
        f'<path class="hole" d="M{at(moment.mean):.1f} 16h0"/>' if own_word else "",
    ]
    said = "what they said themselves" if own_word else f"90% between {number(moment.low)} and {number(moment.high)}"
    return _bar(title, f"{number(moment.mean)} log-odds, {said}", parts)


def drift_bar(title: str, then: float, now: float, reach: float) -> Markup:
    """Two means on one rail: a ring where people stood, a dot where they stand, a line between."""
    at = _scale(-reach, reach, 10, _WIDE - 10)
    parts = [
        f'<path class="rail" d="M6 16H{_WIDE - 6:.0f}"/><path class="zero" d="M{_WIDE / 2:.0f} 5V27"/>',
        f'<path class="span" d="M{at(then):.1f} 16H{at(now):.1f}"/>',
        f'<path class="dot then" d="M{at(then):.1f} 16h0"/><path class="hole" d="M{at(then):.1f} 16h0"/>',
        f'<path class="dot" d="M{at(now):.1f} 16h0"/>',
    ]
    return _bar(title, f"{number(then)} then, {number(now)} now, log-odds", parts)


def push_bar(push: float, most: float) -> Markup:
    """How far one event pulls, to the left or to the right of the middle; decoration beside the same in words."""
    at = _scale(-most, most, 4, 116)
    line = f'<path class="zero" d="M60 3V17"/><path class="push" d="M60 10H{at(push):.1f}"/>'
    return Markup(f'<svg class="push-bar" viewBox="0 0 120 20" aria-hidden="true">{line}</svg>')


def path_panel(
    key: str,
    title: str,
    poles: tuple[str, str],
    path: Sequence[Moment],
    reach: float,
    *,
    ends: tuple[str, str] = ("", ""),
) -> Markup:
    """A leaning along the events, evenly spaced so that busy days are not squeezed: mean and 90% band.

    Args:
        key: begins the ids in it; unique on the page.
        title: what it shows.
        poles: positive, written above; negative, below.
        path: oldest first.
        reach: the axis goes from -`reach` to `reach`, log-odds.
        ends: what stands under the first and the last moment.
    """
    left, right, top, bottom = 6.0, _PANEL_WIDTH - 6, 20.0, _PANEL_HEIGHT - 34
    across, up = _scale(0, max(1, len(path) - 1), left, right), _scale(-reach, reach, bottom, top)
    highs = [f"{across(i):.1f},{up(m.high):.1f}" for i, m in enumerate(path)]
    lows = [f"{across(i):.1f},{up(m.low):.1f}" for i, m in enumerate(path)]
    means = [f"{across(i):.1f},{up(m.mean):.1f}" for i, m in enumerate(path)]
    parts = [
        f'<polygon class="band" points="{" ".join(highs + lows[::-1])}"/>',
        f'<path class="zero" d="M{left:.0f} {up(0):.1f}H{right:.0f}"/>',
        f'<polyline class="line" points="{" ".join(means)}"/>',
    ]
    for i, moment in enumerate(path):
        size = 4.5 if i + 1 == len(path) else 2.2
        tip = f"<title>{_text(moment.said)}</title>" if moment.said else ""
        parts.append(f'<circle class="mark" cx="{across(i):.1f}" cy="{up(moment.mean):.1f}" r="{size}">{tip}</circle>')
    parts += [
        f'<text class="pole" x="{left:.0f}" y="13">{_text(poles[0])}</text>',
        f'<text class="pole" x="{left:.0f}" y="{bottom + 13:.0f}">{_text(poles[1])}</text>',
        f'<text class="tick" x="{left:.0f}" y="{_PANEL_HEIGHT - 4:.0f}">{_text(ends[0])}</text>',
        f'<text class="tick end" x="{right:.0f}" y="{_PANEL_HEIGHT - 4:.0f}">{_text(ends[1])}</text>',
    ]
    first, last = path[0], path[-1]
    told = f"From {number(first.mean)} ({number(first.low)} to {number(first.high)}) to {number(last.mean)} "
    told += f"({number(last.low)} to {number(last.high)}) log-odds over {len(path)} moments; above 0: {poles[0]}"
    return _svg(key, _PANEL_WIDTH, _PANEL_HEIGHT, title, told, parts)


def columns(key: str, title: str, bars: Sequence[tuple[str, int]]) -> Markup:
    """Counts as columns, labels below; the table beside it has the figures."""
    width, height, top = 320.0, 150.0, 18.0
    bottom, most = height - 22, max((count for _, count in bars), default=0) or 1
    step = (width - 12) / max(1, len(bars))
    parts = [f'<path class="rail" d="M6 {bottom:.0f}H{width - 6:.0f}"/>']
    for i, (label, count) in enumerate(bars):
        x, tall = 6 + step * i, (bottom - top) * count / most
        if count:
            tip = f"<title>{_text(label)}: {count}</title>"
            box = f'x="{x + step * 0.14:.1f}" y="{bottom - tall:.1f}" width="{step * 0.72:.1f}" height="{tall:.1f}"'
            parts.append(f'<rect class="column" {box}>{tip}</rect>')
            parts.append(
                f'<text class="count" x="{x + step / 2:.1f}" y="{bottom - tall - 4:.1f}">{_short(count)}</text>'
            )
        parts.append(f'<text class="tick middle" x="{x + step / 2:.1f}" y="{height - 6:.0f}">{_text(label)}</text>')
    listed = "; ".join(f"{label}: {count}" for label, count in bars) or "nothing yet"
    return _svg(key, width, height, title, listed, parts)


def _short(count: int) -> str:
    """1234 as 1.2k, so that it stands above a narrow column."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (min(max(value, low), high) - low) / (high - low or 1.0) * (end - start)


def _bar(title: str, desc: str, parts: Sequence[str]) -> Markup:
    """Labelled by its text alone: ids would have to differ between all bars of a page."""
    return Markup(
        f'<svg class="bar" viewBox="0 0 {_WIDE:.0f} 32" preserveAspectRatio="none" role="img" '
        f'aria-label="{_text(title)}: {_text(desc)}"><title>{_text(title)}</title><desc>{_text(desc)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _svg(key: str, width: float, height: float, title: str, desc: str, parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{_text(title)}</title><desc id="{key}-d">{_text(desc)}</desc>{"".join(parts)}</svg>'
    )


def _text(text: object) -> str:
    """Escaped; what XML doesn't allow becomes a replacement mark."""
    allowed = ("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in str(text))
    return html.escape("".join(allowed))
