"""The contract of back ends: a model and a plan in, the log-probability of every response token out."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from counterpoint.models.trie.anatomy import Anatomy
from counterpoint.models.trie.head import edge_log_probs
from counterpoint.models.trie.plan import Ints, Plan
from counterpoint.registry import Registry


class Backend(Protocol):
    """One way of computing a plan. Stateless; all give the same numbers."""

    def refuses(self, parts: Anatomy, plan: Plan) -> str:
        """Why it can't compute this plan on this model, or the empty string."""
        ...

    def token_log_probs(self, parts: Anatomy, plan: Plan) -> Tensor:
        """Log-probabilities of the response tokens, branch after branch, `[token]`, nats, with gradient."""
        ...


BACKENDS: Registry[Backend] = Registry("back end", "counterpoint.models.trie.backends", "BACKEND")


def on(array: Ints, device: torch.device) -> Tensor:
    """A plan's array as a tensor there."""
    return torch.from_numpy(array).to(device)


def read(parts: Anatomy, plan: Plan, hidden: Tensor) -> Tensor:
    """Response tokens' log-probabilities `[token]` from the hidden states of all nodes, `[node, dim]`."""
    device = hidden.device
    edges = edge_log_probs(
        hidden[on(plan.rows, device)],
        parts.head,
        on(plan.edge_row, device),
        on(plan.edge_token, device),
        softcap=parts.final_softcap,
    )
    return edges[on(plan.token_edge, device)]
