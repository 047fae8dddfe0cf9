"""How varied a pool is: figures, and an SVG of its growth, its likeness and its shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.authoring.personas.pool import Pool

Floats = NDArray[np.float64]
_WIDTH, _PANEL, _LEFT, _TOP, _GAP, _BINS = 320, 220, 46, 64, 44, 24
_SEED, _NEW = "#9a6a00", "#1f5fa8"


class Diversity(NamedTuple):
    """Figures of one pool."""

    members: int
    mean_cosine: float
    """Of all pairs of different members."""
    effective: float
    """Vendi score (Friedman and Dieng 2023, arXiv 2210.02410): of how many wholly different members it is worth. exp of
    the entropy of the eigenvalues of K / n, K the cosines; between 1 (all the same) and the smaller of n and the
    dimension."""
    nearest: Floats
    """Each member's largest cosine with another, `[member]`."""


def diversity(vectors: NDArray[np.float32]) -> Diversity:
    """Figures of vectors `[member, dimension]`; two at least."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    n = len(unit)
    nearest = np.full(n, -1.0)
    for start in range(0, n, 1024):
        cosines = unit[start : start + 1024] @ unit.T
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -1.0
        nearest[start : start + 1024] = cosines.max(1)
    mean = (float(np.square(unit.sum(0)).sum()) - n) / (n * (n - 1))
    gram = unit @ unit.T if n <= unit.shape[1] else unit.T @ unit  # the same eigenvalues, but for zeros
    shares = np.linalg.eigvalsh(gram / n)
    shares = shares[shares > 1e-12]
    return Diversity(n, mean, math.exp(-float((shares * np.log(shares)).sum())), nearest)


def draw(pools: Sequence[Pool]) -> str:
    """An SVG document, a row of three panels a pool."""
    height = _TOP + len(pools) * (_PANEL + _GAP)
    width = _LEFT + 3 * _WIDTH + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#222">',
        "<title>How the pools grew and how varied they are</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<circle cx="{_LEFT + 4}" cy="18" r="4" fill="{_SEED}"/><text x="{_LEFT + 14}" y="22">seed</text>',
        f'<circle cx="{_LEFT + 64}" cy="18" r="4" fill="{_NEW}"/><text x="{_LEFT + 74}" y="22">new</text>',
    ]
    for i, pool in enumerate(pools):
        top = _TOP + i * (_PANEL + _GAP)
        figures = diversity(pool.vectors)
        parts += [_growth(pool, _LEFT, top), _likeness(figures, _LEFT + _WIDTH, top)]
        parts.append(_shape(pool, figures, _LEFT + 2 * _WIDTH, top))
    return "\n".join([*parts, "</svg>\n"])


def _frame(x: float, y: float, title: str, below: str) -> str:
    wide = _WIDTH - 40
    return (
        f'<text x="{x}" y="{y - 8}" font-size="13">{escape(title)}</text>'
        f'<rect x="{x}" y="{y}" width="{wide}" height="{_PANEL - 40}" fill="none" stroke="#bbb"/>'
        f'<text x="{x + wide / 2}" y="{y + _PANEL - 22}" text-anchor="middle" fill="#555">{escape(below)}</text>'
    )


def _growth(pool: Pool, x: float, y: float) -> str:
    steps = [(0, 0), *pool.steps]
    most, kept = max(1, steps[-1][0]), max(1, steps[-1][1])
    wide, high = _WIDTH - 40, _PANEL - 40
    path = " ".join(f"{x + wide * a / most:.1f},{y + high * (1 - k / kept):.1f}" for a, k in steps)
    end = "full" if pool.saturated else "stopped" if pool.stopped else "enough"
    title = f"{pool.kind}: {steps[-1][1]} new of {steps[-1][0]} asked for ({end})"
    return _frame(x, y, title, f"asked for, 0 to {most}") + (
        f'<polyline points="{path}" fill="none" stroke="{_NEW}" stroke-width="2"/>'
        f'<text x="{x - 6}" y="{y + 10}" text-anchor="end" fill="#555">{kept}</text>'
        f'<text x="{x - 6}" y="{y + high}" text-anchor="end" fill="#555">0</text>'
    )


def _likeness(figures: Diversity, x: float, y: float) -> str:
    wide, high = _WIDTH - 40, _PANEL - 40
    counts, _ = np.histogram(np.clip(figures.nearest, 0, 1), bins=_BINS, range=(0, 1))
    bar, most = wide / _BINS, max(1, int(counts.max()))
    bars = "".join(
        f'<rect x="{x + i * bar + 1:.1f}" y="{y + high * (1 - count / most):.1f}" width="{bar - 2:.1f}" '
        f'height="{high * count / most:.1f}" fill="{_NEW}"><title>{count}</title></rect>'
        for i, count in enumerate(counts.tolist())
        if count
    )
    title = f"mean cosine {figures.mean_cosine:.2f}".replace("-", "\N{MINUS SIGN}")
    return _frame(x, y, title, f"cosine with the nearest of {figures.members}, 0 to 1") + bars


def _shape(pool: Pool, figures: Diversity, x: float, y: float) -> str:
    """The two directions in which the pool differs most; a fixed sign, so that equal pools give equal pictures."""
    wide, high = _WIDTH - 40, _PANEL - 40
    centred = pool.vectors.astype(np.float64) - pool.vectors.astype(np.float64).mean(0)
    if len(centred) <= centred.shape[1]:
        _, directions = np.linalg.eigh(centred @ centred.T)
        axes = centred.T @ directions[:, -1:-3:-1]
        axes /= np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
    else:
        axes = np.linalg.eigh(centred.T @ centred)[1][:, -1:-3:-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1, 1)
    places = centred @ axes
    reach = 1.05 * max(float(np.abs(places).max()), 1e-9)
    dots = "".join(
        f'<circle cx="{x + wide * (1 + a / reach) / 2:.1f}" cy="{y + high * (1 - b / reach) / 2:.1f}" r="3" '
        f'fill="{_SEED if member.answer is None else _NEW}" fill-opacity="0.6">'
        f"<title>{escape(_readable(member.text[:80]))}</title></circle>"
        for (a, b), member in zip(places.tolist(), pool.members, strict=True)
    )
    return _frame(x, y, f"worth {figures.effective:.1f} wholly different ones", "two principal components") + dots


def _readable(text: str) -> str:
    """Text that XML allows."""
    return "".join(c if c.isprintable() else " " for c in text)
