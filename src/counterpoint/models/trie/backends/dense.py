"""A dense mask of all nodes against all nodes, under transformers' own attention. One tree at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.models.trie import anatomy
from counterpoint.models.trie.anatomy import Anatomy
from counterpoint.models.trie.attention import plain_attention
from counterpoint.models.trie.backend import on, read
from counterpoint.models.trie.masks import additive, by_layer, dense_mask
from counterpoint.models.trie.plan import Plan


class Dense:
    """Costs the square of a tree's nodes in every layer; right wherever sdpa (or, for a soft cap, eager) runs."""

    def refuses(self, parts: Anatomy, plan: Plan) -> str:  # noqa: ARG002
        """Why not, or the empty string."""
        if why := anatomy.refusal(parts):
            return why
        if parts.checkpoints and parts.config._attn_implementation != self.attention(parts):
            return (
                "gradient checkpointing would compute layers again under "
                f"{parts.config._attn_implementation} attention; "
                f"load the model with attn_implementation={self.attention(parts)!r}"
            )
        return ""

    def attention(self, parts: Anatomy) -> str:
        """transformers' implementation it uses: sdpa knows no soft cap."""
        return "sdpa" if parts.softcap is None else "eager"

    def token_log_probs(self, parts: Anatomy, plan: Plan) -> Tensor:
        """`[token]`, nats."""
        trees = []
        with plain_attention(parts.config, self.attention(parts)):
            for start, stop in plan.roots:
                trees.append(parts.decoder(**self.inputs(parts, plan, start, stop)).last_hidden_state[0])
        return read(parts, plan, torch.cat(trees))

    def inputs(self, parts: Anatomy, plan: Plan, start: int, stop: int) -> dict[str, object]:
        """The decoder's arguments for one tree of the forest."""
        end, depth = (on(array[start:stop], parts.device) for array in (plan.end - start, plan.depth))

        def make(window: int | None) -> Tensor:
            mask = dense_mask(end, depth, window)
            return mask if self.attention(parts) == "sdpa" else additive(mask, parts.dtype)

        return {
            "input_ids": on(plan.tokens[start:stop], parts.device)[None],
            "position_ids": depth[None],
            "attention_mask": by_layer(parts, make),
            "use_cache": False,
        }


BACKEND = Dense()
