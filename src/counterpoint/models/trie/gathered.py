"""Tree attention on any device and with a soft cap: each run gathers its ancestors' keys and attends once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from counterpoint.models.trie.plan import Plan

KeyRanges = list[tuple[int, int]]


def key_ranges(plan: Plan) -> list[KeyRanges]:
    """For every run the ranges of nodes it attends to, by depth, its own last: `[run]`."""
    run_of = {start: (start, stop) for start, stop in plan.runs}
    starts = sorted(run_of)
    ranges = []
    for start, stop in plan.runs:
        way = [(start, stop)]
        parent = int(plan.parent[start])
        while parent >= 0:
            above = max(s for s in starts if s <= parent)
            way.append((above, parent + 1))
            parent = int(plan.parent[above])
        ranges.append(way[::-1])
    return ranges


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ranges: Sequence[KeyRanges],
    *,
    scale: float,
    window: int | None,
    softcap: float | None,
) -> Tensor:
    """Attention of every query over its ancestors and itself; shapes as in `flash.attend`."""
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    parts = []
    for way in ranges:
        q0, q1 = way[-1]
        keys, values = (torch.cat([x[:, :, a:b] for a, b in way], dim=2) for x in (key, value))
        seen = _seen(q1 - q0, keys.shape[2], window, query.device)
        parts.append(_attend_masked(query[:, :, q0:q1], keys, values, seen, scale, softcap))
    return torch.cat(parts, dim=2)


def _seen(queries: int, keys: int, window: int | None, device: torch.device) -> Tensor:
    """Which keys each query may see, `[query, key]`: the keys are one whole way from the root, so index is depth."""
    depth = torch.arange(keys, device=device)
    distance = depth[keys - queries :, None] - depth
    seen = distance >= 0
    return seen if window is None else seen & (distance < window)


def _attend_masked(
    query: Tensor, key: Tensor, value: Tensor, seen: Tensor, scale: float, softcap: float | None
) -> Tensor:
    if softcap is None:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=scale)
    scores = query @ key.transpose(-1, -2) * scale
    scores = (softcap * torch.tanh(scores / softcap)).masked_fill(~seen, -torch.inf)
    return scores.softmax(-1, dtype=torch.float32).to(query.dtype) @ value
