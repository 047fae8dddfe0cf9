"""Token ids of many branches in; a plan that computes every shared prefix once out.

A *node* is a token that the model must read: one that some branch continues from. A branch's last token is read by
nobody, so it is an edge only. Nodes are numbered depth-first, children with the largest subtree first, which makes
three facts hold that everything else rests on:

- k is an ancestor of q (or q itself) exactly if `k <= q <= end[k]`;
- a chain of largest children is a contiguous range of nodes (a *run*), whose keys need no gathering;
- all nodes below a node are a contiguous range, so that they can attend to a shared prefix in one call.

An *edge* (parent node, token) is one distinct prediction. The predictor of a token is its parent *node*, which for the
first token of a later branch is not the node before it. Branches that say the same share edges: an edge's weight is the
number of branches that read it. A branch that is a prefix of another keeps its own end-of-text edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Branch:
    """A prompt and its response as one list of token ids; `start` is the index of the response's first token."""

    tokens: tuple[int, ...]
    start: int

    @property
    def response(self) -> int:
        """Number of response tokens."""
        return len(self.tokens) - self.start


@dataclass(frozen=True, eq=False)
class Plan:
    """A forest of token tries, depth-first. Axes: `node`, `row` (a node that predicts), `edge`, `token`, `branch`."""

    branches: tuple[Branch, ...]
    tokens: Ints  # [node]
    depth: Ints  # [node], the position of the token in every branch through it
    parent: Ints  # [node], -1 for a first token
    end: Ints  # [node], last node below it (itself for a leaf)
    rows: Ints  # [row], nodes whose next token some response needs, ascending
    edge_row: Ints  # [edge], which row predicts it
    edge_token: Ints  # [edge]
    edge_weight: Ints  # [edge], how many branches read it
    token_edge: Ints  # [token], the edge of every response token, branch after branch
    token_branch: Ints  # [token]

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def response_tokens(self) -> Ints:
        """Number of response tokens of every branch, `[branch]`: what token means divide by, merged or not."""
        return np.array([branch.response for branch in self.branches], np.int64)

    @cached_property
    def separate_nodes(self) -> int:
        """Tokens that separate passes of exact length would read."""
        return sum(len(branch.tokens) - 1 for branch in self.branches)

    @property
    def token_ratio(self) -> float:
        """Tokens read by separate passes for one read here: the gain of all that costs the same for any token."""
        return self.separate_nodes / max(len(self), 1)

    @cached_property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """Maximal ranges `(start, stop)` in which every node but the first is the child of the one before it."""
        starts = [*np.flatnonzero(self.parent != np.arange(len(self)) - 1), len(self)]
        if starts[0] != 0:  # node 0's parent is -1, which is also its index less one
            starts.insert(0, 0)
        return tuple((int(a), int(b)) for a, b in pairwise(starts))

    @cached_property
    def roots(self) -> tuple[tuple[int, int], ...]:
        """The trees of the forest as ranges `(start, stop)` of nodes."""
        starts = [*np.flatnonzero(self.parent == -1), len(self)]
        return tuple((int(a), int(b)) for a, b in pairwise(starts))

    @cached_property
    def levels(self) -> int:
        """Largest number of branching points on a way from root to leaf: 0 for a single branch, 1 for a pair."""
        level = np.zeros(len(self), np.int64)
        starts = [start for start, _ in self.runs if self.parent[start] >= 0]
        for branching in {int(self.parent[start]) for start in starts}:
            level[branching + 1 : self.end[branching] + 1] += 1
        return int(level.max(initial=0))


@dataclass
class _Segment:
    """A stretch of tokens without a branching, while the tree is being built."""

    branch: int
    start: int
    stop: int
    parent: int
    children: list[int]
    size: int = 0
    node: int = 0


def build_plan(branches: Sequence[Branch]) -> Plan:
    """The plan of these branches, in the order given.

    Raises:
        BadInputError: no branches, a branch without a response, or a response whose first token nothing predicts.
    """
    _check(branches)
    bodies = [branch.tokens[:-1] for branch in branches]
    segments, last_segment = _segments(bodies)
    order = _depth_first(segments)
    ways = _ways(segments, last_segment)
    tokens, depth, parent, end = _nodes(segments, order, bodies)

    parents = np.concatenate([way[branch.start - 1 :] for way, branch in zip(ways, branches, strict=True)])
    said = np.concatenate([np.asarray(branch.tokens[branch.start :], np.int64) for branch in branches])
    edges, token_edge, weight = np.unique(np.stack([parents, said]), axis=1, return_inverse=True, return_counts=True)
    rows, edge_row = np.unique(edges[0], return_inverse=True)
    lengths = [branch.response for branch in branches]
    return Plan(
        branches=tuple(branches),
        tokens=tokens,
        depth=depth,
        parent=parent,
        end=end,
        rows=rows,
        edge_row=edge_row.reshape(-1).astype(np.int64),
        edge_token=edges[1],
        edge_weight=weight.astype(np.int64),
        token_edge=token_edge.reshape(-1).astype(np.int64),
        token_branch=np.repeat(np.arange(len(branches)), lengths),
    )


def shared_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading tokens two sequences share."""
    n = min(len(first), len(second))
    if first[:n] == second[:n]:
        return n
    differs = np.asarray(first[:n], np.int64) != np.asarray(second[:n], np.int64)
    return int(differs.argmax())


def _check(branches: Sequence[Branch]) -> None:
    if not branches:
        raise BadInputError("no branches to plan; expected at least one")
    for i, branch in enumerate(branches):
        if not 1 <= branch.start < len(branch.tokens):
            raise BadInputError(
                f"branch {i}: its response starts at {branch.start} of {len(branch.tokens)} tokens; expected at least "
                "one prompt token (it predicts the first response token) and at least one response token"
            )


def _segments(bodies: Sequence[tuple[int, ...]]) -> tuple[list[_Segment], list[int]]:
    """Segments, parents before children, and for each body the segment in which it ends."""
    order = sorted(range(len(bodies)), key=lambda i: bodies[i])
    shared = [0, *(shared_length(bodies[a], bodies[b]) for a, b in pairwise(order))]
    segments: list[_Segment] = []
    last = [0] * len(bodies)
    todo = [(0, len(order), 0, -1)]
    while todo:
        lo, hi, depth, parent = todo.pop()
        stop = min([*shared[lo + 1 : hi], len(bodies[order[lo]])])
        if stop > depth:
            segments.append(_Segment(order[lo], depth, stop, parent, []))
            me = len(segments) - 1
            if parent >= 0:
                segments[parent].children.append(me)
        else:
            me = parent  # several first tokens: a forest
        while lo < hi and len(bodies[order[lo]]) == stop:
            last[order[lo]] = me
            lo += 1
        cuts = [lo, *(i for i in range(lo + 1, hi) if shared[i] == stop), hi]
        todo += [(a, b, stop, me) for a, b in pairwise(cuts) if a < b]
    return segments, last


def _depth_first(segments: list[_Segment]) -> list[int]:
    """Segments depth-first, largest subtree first (then by first branch); fills in sizes and first nodes."""
    for segment in reversed(segments):
        segment.size += segment.stop - segment.start
        if segment.parent >= 0:
            segments[segment.parent].size += segment.size
    order: list[int] = []

    def rank(i: int) -> tuple[int, int]:
        return (segments[i].size, -segments[i].branch)

    todo = sorted((i for i, segment in enumerate(segments) if segment.parent < 0), key=rank)
    node = 0
    while todo:
        here = todo.pop()
        order.append(here)
        segments[here].node = node
        node += segments[here].stop - segments[here].start
        todo += sorted(segments[here].children, key=rank)
    return order


def _ways(segments: list[_Segment], last: list[int]) -> list[Ints]:
    """For every body the nodes it passes through, `[position]`."""
    ways = []
    for here in last:
        parts = []
        while here >= 0:
            segment = segments[here]
            parts.append(np.arange(segment.node, segment.node + segment.stop - segment.start))
            here = segment.parent
        ways.append(np.concatenate(parts[::-1]))
    return ways


def _nodes(
    segments: list[_Segment], order: list[int], bodies: Sequence[tuple[int, ...]]
) -> tuple[Ints, Ints, Ints, Ints]:
    """`tokens, depth, parent, end`, each `[node]`."""
    stretches = [segments[i] for i in order]
    tokens = np.concatenate([np.asarray(bodies[s.branch][s.start : s.stop], np.int64) for s in stretches])
    depth = np.concatenate([np.arange(s.start, s.stop) for s in stretches])
    parent = np.arange(len(tokens)) - 1
    end = np.empty(len(tokens), np.int64)
    for s in stretches:
        above = segments[s.parent] if s.parent >= 0 else None
        parent[s.node] = above.node + above.stop - above.start - 1 if above else -1
        end[s.node : s.node + s.stop - s.start] = s.node + s.size - 1
    return tokens, depth, parent, end
