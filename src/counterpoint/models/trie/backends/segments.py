"""Per-segment attention: every piece of the tree attends to its own ancestors, and no mask of all nodes is made."""

from __future__ import annotations

from torch import Tensor

from counterpoint.models.trie import anatomy
from counterpoint.models.trie.anatomy import Anatomy
from counterpoint.models.trie.attention import Tree, is_tree, tree_attention
from counterpoint.models.trie.backend import on, read
from counterpoint.models.trie.plan import Plan


class Segments:
    """The default on a CPU: computes the pairs that count and few others."""

    def refuses(self, parts: Anatomy, plan: Plan) -> str:  # noqa: ARG002
        """Why not, or the empty string."""
        if why := anatomy.refusal(parts):
            return why
        if parts.checkpoints and not is_tree(parts.config._attn_implementation):
            return (
                "gradient checkpointing computes layers again during backward, when the model would be back on its own "
                "attention; open `with tree_attention(model.config):` round forward and backward"
            )
        return ""

    def token_log_probs(self, parts: Anatomy, plan: Plan) -> Tensor:
        """`[token]`, nats."""
        with tree_attention(parts.config):
            states = parts.decoder(**self.inputs(parts, plan)).last_hidden_state
        return read(parts, plan, states[0])

    def inputs(self, parts: Anatomy, plan: Plan) -> dict[str, object]:
        """The decoder's arguments: one row of nodes, depth as position, no cache."""
        positions = on(plan.depth, parts.device)[None]
        return {
            "input_ids": on(plan.tokens, parts.device)[None],
            "position_ids": positions,
            # Any 4-D tensor passes through transformers' mask building untouched, and tree attention doesn't read it.
            # With None it would take the falling positions for packed documents. Of integers, since those make sdpa
            # raise if the tree should ever get lost on its way.
            "attention_mask": positions.new_zeros(1, 1, 1, 1),
            "use_cache": False,
            "trie": Tree(plan),
        }


BACKEND = Segments()
