"""Tree attention as one of transformers' attention implementations, and switching a model to it for a while.

transformers looks the attention function up by `config._attn_implementation` in every layer and hands it the keyword
arguments of the model's forward. So a model is switched by that name alone, and the tree travels as the argument
`trie`. Without `trie` the function does what the model did before, masks included: being switched changes nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from counterpoint.models.trie import flash, gathered
from counterpoint.models.trie.plan import Plan
from counterpoint.models.trie.spans import Span, needs_window, spans

PREFIX = "counterpoint_trie_"


class Tree:
    """A plan made ready for attention; what depends on window and dtype is made once and kept for all layers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._pieces: dict[tuple[int | None, torch.dtype], list[flash.Piece]] = {}
        self._ranges: list[gathered.KeyRanges] | None = None

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int | None, softcap: float | None
    ) -> Tensor:
        """`[1, head, node, dim]`; `window` counts tokens along a branch, the query's own included."""
        if softcap is None and flash.usable(query):
            return flash.attend(query, key, value, self.pieces(window, query.dtype), scale)
        if self._ranges is None:
            self._ranges = gathered.key_ranges(self.plan)
        return gathered.attend(query, key, value, self._ranges, scale=scale, window=window, softcap=softcap)

    def pieces(self, window: int | None, dtype: torch.dtype) -> list[flash.Piece]:
        """The fused kernel's work list."""
        if window is not None and window > int(self.plan.depth.max()):
            window = None
        if (window, dtype) not in self._pieces:
            triangles: dict[int, Tensor] = {}
            self._pieces[window, dtype] = [
                flash.Piece(*span[:4], self._mask(span, window, dtype, triangles))
                for span in spans(self.plan, window=window)
            ]
        return self._pieces[window, dtype]

    def _mask(self, span: Span, window: int | None, dtype: torch.dtype, triangles: dict[int, Tensor]) -> Tensor | None:
        """`[query, key]`, 0 or `HIDDEN`; causal masks without a window are slices of one per number of queries."""
        queries, keys = span.q1 - span.q0, span.k1 - span.k0
        if window is not None and needs_window(span, self.plan.depth, window):
            depth = torch.from_numpy(self.plan.depth)
            distance = depth[span.q0 : span.q1, None] - depth[span.k0 : span.k1]
            hidden = (distance >= window) | (distance < 0)
            return torch.zeros(queries, keys, dtype=dtype).masked_fill_(hidden, flash.HIDDEN)
        if not span.causal:
            return None
        widest = max(stop - start for start, stop in self.plan.runs)
        if queries not in triangles:
            index = torch.arange(widest)
            hidden = index > index[widest - queries :, None]
            triangles[queries] = torch.zeros(queries, widest, dtype=dtype).masked_fill_(hidden, flash.HIDDEN)
        return triangles[queries][:, widest - keys :]


@contextmanager
def tree_attention(config: Any) -> Iterator[None]:
    """Within it, models of this config understand `trie=`. Undone at the end; may be nested.

    Gradient checkpointing computes layers again during backward: then this must still be open.
    """
    before = config._attn_implementation
    if is_tree(before):
        yield
        return
    config._attn_implementation = _register(before or "eager")
    try:
        yield
    finally:
        config._attn_implementation = before


@contextmanager
def plain_attention(config: Any, name: str) -> Iterator[None]:
    """Within it, models of this config use transformers' own implementation `name`."""
    before = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before


def is_tree(name: str | None) -> bool:
    """Whether that attention implementation is ours."""
    return name is not None and name.startswith(PREFIX)


def original(name: str | None) -> str:
    """The implementation a model had before it was switched."""
    return (name or "eager").removeprefix(PREFIX)


def _register(base: str) -> str:
    """Make our implementation over `base` known to transformers, with `base`'s masks for calls without a tree."""
    name = PREFIX + base
    AttentionInterface.register(name, partial(_forward, base=base))
    masks = AttentionMaskInterface()
    if base in masks:
        AttentionMaskInterface.register(name, masks[base])
    return name


def _forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    base: str,
    trie: Tree | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """transformers' contract: `query` `[batch, head, node, dim]` in, `[batch, node, head, dim]` and weights out."""
    if trie is None:
        function = AttentionInterface().get_interface(base, _eager(module))
        result: tuple[Tensor, Tensor | None] = function(
            module,
            query,
            key,
            value,
            attention_mask,
            scaling=scaling,
            sliding_window=sliding_window,
            softcap=softcap,
            **kwargs,
        )
        return result
    query, key = query.to(value.dtype), key.to(value.dtype)  # under autocast rotary positions leave float32 behind
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out = trie.attend(query, key, value, scale=scale, window=sliding_window, softcap=softcap)
    return out.transpose(1, 2).contiguous(), None


def _eager(module: nn.Module) -> Any:
    """The eager function of the module's own modelling file, which no registry holds."""
    return getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
