"""Every branch on its own, at its exact length, by the model's own forward: the fallback and the oracle."""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.models.trie.anatomy import Anatomy
from counterpoint.models.trie.attention import original, plain_attention
from counterpoint.models.trie.plan import Branch, Plan


class Separate:
    """Shares nothing of the other back ends: neither their plan, nor their attention, nor their reading of logits."""

    def refuses(self, parts: Anatomy, plan: Plan) -> str:  # noqa: ARG002
        """Never."""
        return ""

    def token_log_probs(self, parts: Anatomy, plan: Plan) -> Tensor:
        """`[token]`, nats."""
        with plain_attention(parts.config, original(parts.config._attn_implementation)):
            return torch.cat([branch_log_probs(parts, branch) for branch in plan.branches])


def branch_log_probs(parts: Anatomy, branch: Branch) -> Tensor:
    """Log-probabilities of one branch's response tokens, `[token]`, nats."""
    ids = torch.tensor(branch.tokens, device=parts.device)
    output = parts.causal_lm(input_ids=ids[None, :-1], use_cache=False, logits_to_keep=branch.response)
    logits = output.logits[0, -branch.response :]
    wide = logits if logits.dtype == torch.float64 else logits.float()
    chosen: Tensor = wide.log_softmax(-1).gather(1, ids[branch.start :, None])[:, 0]
    return chosen


BACKEND = Separate()
