"""FlexAttention with a block mask, on CUDA (its CPU kernel has no backward). One block mask a batch and kind of layer.

The path is written against transformers' `flex_attention` and its rule is tested against the dense mask; the compiled
kernel itself runs only where there is a GPU.
"""

from __future__ import annotations

import importlib.util
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from counterpoint.models.trie import anatomy
from counterpoint.models.trie.anatomy import Anatomy
from counterpoint.models.trie.attention import plain_attention
from counterpoint.models.trie.backend import on, read
from counterpoint.models.trie.masks import by_layer, mask_rule
from counterpoint.models.trie.plan import Plan

MULTIPLE = 128
"""Lengths are padded to a multiple of FlexAttention's block, so that the kernel is compiled for few shapes."""


class Flex:
    """Skips blocks without a visible pair; soft caps and windows included."""

    def refuses(self, parts: Anatomy, plan: Plan) -> str:  # noqa: ARG002
        """Why not, or the empty string."""
        if why := anatomy.refusal(parts):
            return why
        if parts.device.type != "cuda":
            return f"FlexAttention has no backward on {parts.device.type}; it needs CUDA"
        if importlib.util.find_spec("triton") is None:
            return "FlexAttention needs triton, which is not installed"
        if parts.checkpoints and parts.config._attn_implementation != "flex_attention":
            return "with gradient checkpointing, load the model with attn_implementation='flex_attention'"
        return ""

    def token_log_probs(self, parts: Anatomy, plan: Plan) -> Tensor:
        """`[token]`, nats."""
        with plain_attention(parts.config, "flex_attention"):
            states = parts.decoder(**self.inputs(parts, plan)).last_hidden_state
        return read(parts, plan, states[0, : len(plan)])

    def inputs(self, parts: Anatomy, plan: Plan) -> dict[str, object]:
        """The decoder's arguments; padding nodes are trees of their own: they see themselves and nobody sees them."""
        from torch.nn.attention.flex_attention import create_block_mask

        nodes, padding = len(plan), -len(plan) % MULTIPLE
        tokens, depth = (F.pad(on(array, parts.device), (0, padding)) for array in (plan.tokens, plan.depth))
        own = torch.arange(nodes, nodes + padding, device=parts.device)
        end = torch.cat([on(plan.end, parts.device), own])
        block = partial(create_block_mask, B=None, H=None, Q_LEN=len(end), KV_LEN=len(end), device=str(parts.device))
        return {
            "input_ids": tokens[None],
            "position_ids": depth[None],
            "attention_mask": by_layer(parts, lambda window: block(mask_rule(end, depth, window))),
            "use_cache": False,
        }


BACKEND = Flex()
