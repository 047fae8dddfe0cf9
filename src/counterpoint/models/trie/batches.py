"""Trees into batches by a budget of nodes; a tree over budget is split where it branches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from counterpoint.errors import BadInputError
from counterpoint.models.trie.plan import Branch, Plan, build_plan, shared_length

logger = logging.getLogger(__name__)


class Member(NamedTuple):
    """Where a branch of a batch came from."""

    group: int
    branch: int


class Batch(NamedTuple):
    """One plan (a forest of one or more groups' trees) and the origin of each of its branches, `[branch]`."""

    plan: Plan
    members: tuple[Member, ...]


class _Part(NamedTuple):
    members: tuple[Member, ...]
    nodes: int


def batches(groups: Sequence[Sequence[Branch]], *, max_nodes: int, max_squared_nodes: int | None = None) -> list[Batch]:
    """Batches of whole trees, sorted by size, each of at most `max_nodes` nodes.

    A tree over budget is split at the first branching of its root, its shared part repeated in every piece; a piece
    that is still over budget, further down. One sequence longer than the budget is a batch of its own.

    Args:
        groups: branches that share prefixes, such as those of one dilemma, `[group][branch]`.
        max_nodes: budget of a batch.
        max_squared_nodes: budget of the sum of squared tree sizes, which is what a dense mask costs.
    """
    if max_nodes < 1:
        raise BadInputError(f"max_nodes is {max_nodes}; expected at least 1")
    limit = max_nodes if max_squared_nodes is None else min(max_nodes, max(1, int(max_squared_nodes**0.5)))
    parts = [part for g, group in enumerate(groups) for part in _split(group, _all(g, group), limit)]
    parts.sort(key=lambda part: (part.nodes, part.members))
    packed: list[list[_Part]] = []
    for part in parts:
        if packed and _fits([*packed[-1], part], max_nodes, max_squared_nodes):
            packed[-1].append(part)
        else:
            packed.append([part])
    return [_batch(groups, parts) for parts in packed]


def _fits(parts: list[_Part], max_nodes: int, max_squared_nodes: int | None) -> bool:
    if max_squared_nodes is not None and sum(part.nodes**2 for part in parts) > max_squared_nodes:
        return False
    return sum(part.nodes for part in parts) <= max_nodes


def _all(group: int, branches: Sequence[Branch]) -> list[Member]:
    return [Member(group, i) for i in range(len(branches))]


def _batch(groups: Sequence[Sequence[Branch]], parts: list[_Part]) -> Batch:
    members = tuple(member for part in parts for member in part.members)
    return Batch(build_plan([groups[m.group][m.branch] for m in members]), members)


def _split(group: Sequence[Branch], members: list[Member], limit: int) -> list[_Part]:
    nodes = len(build_plan([group[m.branch] for m in members]))
    if nodes <= limit:
        return [_Part(tuple(members), nodes)]
    bodies = {m: group[m.branch].tokens[:-1] for m in members}
    shared = min(shared_length(bodies[members[0]], body) for body in bodies.values())
    children: dict[int, list[Member]] = {}
    for member, body in bodies.items():
        children.setdefault(body[shared] if len(body) > shared else -1, []).append(member)
    if len(children) == 1:  # one distinct sequence
        logger.warning(
            "a sequence of %d tokens is longer than the budget of %d; it is a batch of its own", nodes, limit
        )
        return [_Part(tuple(members), nodes)]
    parts: list[_Part] = []
    for child in children.values():
        parts += _split(group, child, limit)
    return _merged(parts, shared, limit)


def _merged(parts: list[_Part], shared: int, limit: int) -> list[_Part]:
    """Neighbouring pieces together as long as they stay in budget; `shared` tokens count once in each result."""
    merged = parts[:1]
    for part in parts[1:]:
        together = merged[-1].nodes + part.nodes - shared
        if together <= limit:
            merged[-1] = _Part(merged[-1].members + part.members, together)
        else:
            merged.append(part)
    return merged
