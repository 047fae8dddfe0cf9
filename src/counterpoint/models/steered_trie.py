"""A plan of branches computed with one vector a branch added to the residual stream, and the stream read off it.

Per-segment attention computes all nodes in one pass, so an offset a node suffices: a node gets the vector of the
branches through it. Where a model's branches can't share a prefix, each is computed on its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.models.row_cache import way
from counterpoint.models.steering_hooks import add_to_residual, read_residual
from counterpoint.models.trie import Plan, TrieEngine, UnsupportedModelError, log_probs
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.backends.separate import branch_log_probs

logger = logging.getLogger(__name__)


class SteeredTrie:
    """One model's tries, steered. As the engine does, it checks its first plan (unsteered) against separate passes."""

    def __init__(self, model: Any) -> None:
        self.parts = anatomy(model)
        self._plans = 0
        try:
            self._engine = TrieEngine(model, backend="segments")
        except UnsupportedModelError as error:
            logger.warning("%s Steering every branch on its own.", error)
            self._engine = TrieEngine(model, backend="separate")

    def log_probs(
        self, plan: Plan, layer: int, starts: Sequence[int], vectors: Tensor, erased: Tensor | None = None
    ) -> Tensor:
        """Log-probabilities of the branches' responses, summed, `[branch]`, nats.

        Args:
            plan: of the branches.
            layer: after which the vectors are added.
            starts: the position from which on they are added, `[branch]`.
            vectors: `[branch, dim]`; a branch of zeros is left alone.
            erased: `[branch, dim]`, of length 1 or 0: what the stream loses first (`add_to_residual`).

        Raises:
            BadInputError: two branches want different vectors at a token that they share.
        """
        both = torch.cat([vectors, torch.zeros_like(vectors) if erased is None else erased], dim=-1)
        if self._shares(plan):
            with self._steered(layer, self._offsets(plan, starts, both)):
                return log_probs(self.parts.model, plan, backend="segments").sums
        sums = []
        for branch, start, vector in zip(plan.branches, starts, both, strict=True):
            offset = torch.zeros(len(branch.tokens) - 1, both.shape[-1])
            offset[start:] = vector
            with self._steered(layer, offset):
                sums.append(branch_log_probs(self.parts, branch).sum())
        return torch.stack(sums)

    def _steered(self, layer: int, both: Tensor) -> AbstractContextManager[None]:
        """Around a pass whose tokens get the first half of `[token, 2 dim]` and lose what the second says."""
        offset, erased = both[None].chunk(2, dim=-1)
        if not bool(both.any()):
            return nullcontext()
        return add_to_residual(self.parts.model, layer, offset, erased if bool(erased.any()) else None)

    def residual(self, plan: Plan, layers: Sequence[int]) -> Tensor:
        """The streams at the last token that each branch reads (the one before its last), `[branch, layer, dim]`."""
        if self._shares(plan):
            with read_residual(self.parts.model, layers) as seen:
                log_probs(self.parts.model, plan, backend="segments")
            return torch.stack([seen[layer][0, last_nodes(plan)].float().cpu() for layer in layers], 1)
        rows = []
        for branch in plan.branches:
            with read_residual(self.parts.model, layers) as seen:
                branch_log_probs(self.parts, branch)
            rows.append(torch.stack([seen[layer][0, -1].float().cpu() for layer in layers]))
        return torch.stack(rows)

    def _shares(self, plan: Plan) -> bool:
        if not self._plans:
            self._engine.log_probs(plan)  # for its check
        self._plans += 1
        return self._engine.choose(plan) == "segments"

    def _offsets(self, plan: Plan, starts: Sequence[int], vectors: Tensor) -> Tensor:
        """`[node, dim]`."""
        offsets = torch.zeros(len(plan), vectors.shape[-1])
        given = torch.zeros(len(plan), dtype=torch.bool)
        for last, start, vector in zip(last_nodes(plan).tolist(), starts, vectors, strict=True):
            nodes = torch.from_numpy(way(plan, last)[start:])
            if bool((offsets[nodes][given[nodes]] != vector).any()):
                raise BadInputError("two branches share a token at which they are to be steered differently")
            offsets[nodes], given[nodes] = vector, True
        return offsets


def last_nodes(plan: Plan) -> Tensor:
    """The last node of every branch, `[branch]`: what predicts its last token."""
    last_token = plan.response_tokens.cumsum() - 1
    return torch.from_numpy(plan.rows[plan.edge_row[plan.token_edge[last_token]]])
