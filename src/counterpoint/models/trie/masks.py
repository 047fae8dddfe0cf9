"""A plan's attention as a dense mask or as a rule for FlexAttention.

k is an ancestor of q, or q itself, exactly if `k <= q <= end[k]`. A sliding window counts tokens along a branch: depth,
not index.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from counterpoint.models.trie.anatomy import MASK_BY_LAYER, Anatomy

MaskRule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(batch, head, query, key) indices to whether the key is seen."""


def dense_mask(end: Tensor, depth: Tensor, window: int | None = None) -> Tensor:
    """Which key each query sees, bool `[1, 1, query, key]`."""
    node = torch.arange(len(end), device=end.device)
    return mask_rule(end, depth, window)(node, node, node[:, None], node)[None, None]


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """The same as 0 and the dtype's lowest number: what eager attention adds. A bool mask there is silently wrong."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, torch.finfo(dtype).min)


def mask_rule(end: Tensor, depth: Tensor, window: int | None = None) -> MaskRule:
    """The same rule by index, as FlexAttention wants it."""

    def seen(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:  # noqa: ARG001
        inside = (key <= query) & (query <= end[key])
        return inside if window is None else inside & (depth[query] - depth[key] < window)

    return seen


def by_layer(parts: Anatomy, make: Callable[[int | None], object]) -> object:
    """The masks a family's forward takes: one, or one for each kind of layer; `make` builds one for a window."""
    if parts.config.model_type not in MASK_BY_LAYER:
        return make(parts.window)
    return {kind: make(parts.window if kind == "sliding_attention" else None) for kind in set(parts.config.layer_types)}
