"""Attention over a plan as a few rectangular pieces, so that no mask of all nodes against all nodes is ever made.

Every query node attends to itself and its ancestors. The ancestors inside its own run are contiguous; the others are
whole prefixes of earlier runs, and all nodes that hang off the same point of a run share them. So attention is

- for every run, blocks of queries against the run's nodes up to them (causal at the block's end), and
- for every branching, one full rectangle: everything below it outside its run, against the run up to the branching.

Each query's pieces are joined by their log-sum-exp (as in FlashAttention, Dao et al. 2022, arXiv 2205.14135).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from counterpoint.models.trie.plan import Ints, Plan

BLOCK = 64
"""Queries in a causal block. Smaller blocks compute fewer masked pairs; below 64, calls cost more than that saves."""


class Span(NamedTuple):
    """Queries `[q0, q1)` against keys `[k0, k1)`; if `causal`, the last query sees the last key, the one before it all
    but that, and so on. Keys are contiguous in depth as well as in number."""

    q0: int
    q1: int
    k0: int
    k1: int
    causal: bool

    @property
    def pairs(self) -> int:
        """Query-key products it computes."""
        return (self.q1 - self.q0) * (self.k1 - self.k0)


def spans(plan: Plan, *, window: int | None = None, block: int = BLOCK) -> list[Span]:
    """The pieces of attention. Causal ones come first and cover every query exactly once.

    With a sliding `window`, keys that no query of a piece can see are cut off, and pieces without any are left out;
    within a piece the caller still has to mask by depth where `needs_window` says so.
    """
    pieces = [
        Span(q, min(q + block, stop), start, min(q + block, stop), True)
        for start, stop in plan.runs
        for q in range(start, stop, block)
    ]
    for start, stop in plan.runs:
        nodes = np.arange(start, stop - 1)
        for node in nodes[plan.end[nodes] > plan.end[nodes + 1]].tolist():
            pieces.append(Span(int(plan.end[node + 1]) + 1, int(plan.end[node]) + 1, start, node + 1, False))
    if window is None:
        return pieces
    cut = (_within(piece, plan.depth, window) for piece in pieces)
    return [piece for piece in cut if piece.k0 < piece.k1]


def needs_window(span: Span, depth: Ints, window: int) -> bool:
    """Whether some query of the span is `window` or more tokens after some key."""
    return bool(depth[span.q0 : span.q1].max() - depth[span.k0] >= window)


def _within(span: Span, depth: Ints, window: int) -> Span:
    """The span without the keys that are too far from all of its queries."""
    nearest = int(depth[span.q0 : span.q1].min())
    first = span.k0 + max(0, nearest - window + 1 - int(depth[span.k0]))
    return span._replace(k0=min(first, span.k1))
