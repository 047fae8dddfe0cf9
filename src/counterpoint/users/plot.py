"""The path of a belief over time, drawn as SVG: one panel a value pair, mean and 90% band."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from counterpoint.types import Taxonomy
from counterpoint.users.belief import Belief
from counterpoint.users.inference import Inference

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 640, 96, 150, 44, 22


def draw_path(inference: Inference, taxonomy: Taxonomy) -> str:
    """An SVG document. The horizontal axis counts events, so that busy days are not squeezed."""
    path = (inference.prior, *inference.path) if inference.path[0].count else inference.path
    reach = max(1.0, *(float(np.abs(end).max()) for belief in path for end in belief.interval(0.9)))
    height = _TOP + len(taxonomy) * (_HEIGHT + _GAP)
    title = f"What is believed of {inference.person}, event by event: mean and 90% band"
    panels = [
        _panel(path, axis, reach, _TOP + axis * (_HEIGHT + _GAP), pair.positive.name, pair.negative.name)
        for axis, pair in enumerate(taxonomy)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
            f'<text x="12" y="24" font-size="14" fill="#222">{escape(title)}</text>',
            *panels,
            "</svg>\n",
        ]
    )


def _panel(path: Sequence[Belief], axis: int, reach: float, top: float, positive: str, negative: str) -> str:
    def place(step: int, value: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - 16) * step / max(1, len(path) - 1)
        return f"{x:.1f},{top + _HEIGHT / 2 * (1 - value / reach):.1f}"

    ends = [belief.interval(0.9) for belief in path]
    upper = [place(step, float(high[axis])) for step, (_, high) in enumerate(ends)]
    lower = [place(step, float(low[axis])) for step, (low, _) in enumerate(ends)]
    mean = [place(step, float(belief.mean[axis])) for step, belief in enumerate(path)]
    middle = top + _HEIGHT / 2
    return "\n".join(
        [
            f'<polygon points="{" ".join(upper + lower[::-1])}" fill="#0b6e99" fill-opacity="0.18"/>',
            f'<line x1="{_LEFT}" x2="{_WIDTH - 16}" y1="{middle}" y2="{middle}" stroke="#999" stroke-dasharray="3 3"/>',
            f'<polyline points="{" ".join(mean)}" fill="none" stroke="#0b6e99" stroke-width="2"/>',
            f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end" fill="#222">{escape(positive)}</text>',
            f'<text x="{_LEFT - 8}" y="{top + _HEIGHT - 2}" text-anchor="end" fill="#222">{escape(negative)}</text>',
        ]
    )
