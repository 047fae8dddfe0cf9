"""What each back end would cost on a plan, in floating-point operations, and which one that makes the choice.

Counting operations predicts measured times well. Attention operations weigh more than those of large matrix products,
because the kernels reach a lower rate on their small products; the weights below are measured rates' ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from counterpoint.models.trie.anatomy import Anatomy
from counterpoint.models.trie.backend import BACKENDS
from counterpoint.models.trie.plan import Plan
from counterpoint.models.trie.spans import spans

ATTENTION_WEIGHT: Mapping[str, Mapping[str, float]] = {
    # One thread of a server CPU, float32, head size 32: products of weights at 103 GFLOP/s, attention at 58.
    "cpu": {"segments": 1.8, "dense": 1.8, "separate": 1.8},
    # Not measured by us: a fused kernel without a mask against one with a mask against one call a segment.
    "cuda": {"flex": 2.0, "dense": 3.0, "segments": 6.0, "separate": 1.5},
}
FLEX_BLOCK = 128


@dataclass(frozen=True)
class Shape:
    """The sizes of a gated transformer that its operations depend on."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_heads: int
    head_dim: int
    vocabulary: int

    @classmethod
    def of(cls, config: Any) -> Shape:
        """From a transformers config of one of the supported families."""
        heads = config.num_attention_heads
        return cls(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            intermediate=config.intermediate_size,
            heads=heads,
            key_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
            vocabulary=config.vocab_size,
        )

    def flops(self, *, nodes: float, pairs: float, rows: float, attention_weight: float = 1.0) -> float:
        """Forward operations for so many nodes, query-key pairs and projected rows; backward costs twice that again."""
        weights = self.hidden * (2 * self.heads + 2 * self.key_heads) * self.head_dim
        weights += 3 * self.hidden * self.intermediate
        layer = 2 * nodes * weights + attention_weight * 4 * pairs * self.heads * self.head_dim
        return self.layers * layer + 2 * rows * self.hidden * self.vocabulary


@dataclass(frozen=True)
class Cost:
    """One back end's cost: weighted forward operations, or why it can't."""

    backend: str
    flops: float
    refusal: str = ""


@dataclass(frozen=True)
class Estimate:
    """All back ends' costs on one plan; the cheapest that doesn't refuse is chosen."""

    nodes: int
    separate_nodes: int
    levels: int
    costs: tuple[Cost, ...]

    @property
    def chosen(self) -> str:
        """The name of the cheapest back end; separate passes win only if they are cheaper than every tree."""
        able = [cost for cost in self.costs if not cost.refusal]
        return min(able, key=lambda cost: (cost.flops, cost.backend == "separate")).backend

    def explain(self) -> str:
        """The choice and its reasons, for people."""
        ratio = self.separate_nodes / max(self.nodes, 1)
        lines = [
            f"{self.separate_nodes} tokens in separate passes, {self.nodes} in the tree ({ratio:.2f} to 1), "
            f"{self.levels} level{'s' * (self.levels != 1)} of branching"
        ]
        chosen = self.chosen
        best = next(cost.flops for cost in self.costs if cost.backend == chosen)
        for cost in self.costs:
            mark = "*" if cost.backend == chosen else " "
            text = f"can't: {cost.refusal}" if cost.refusal else f"{cost.flops / best:.2f} x the work of {chosen}"
            lines.append(f"{mark} {cost.backend}: {text}")
        return "\n".join(lines)


class Saving(NamedTuple):
    """How much sharing a set of plans saves at most: separate passes of exact length over the trie."""

    separate_tokens: int
    tokens: int
    token_ratio: float  # of tokens read
    flop_ratio: float  # of operations, query-key pairs that don't count left out on both sides


def saving(plans: Sequence[Plan], shape: Shape) -> Saving:
    """The expected gain of computing these plans as tries on a model of that shape; forward and backward gain alike."""
    separate = trie = 0.0
    for plan in plans:
        lengths = [len(branch.tokens) - 1 for branch in plan.branches]
        pairs = sum(n * (n + 1) / 2 for n in lengths)
        separate += shape.flops(nodes=sum(lengths), pairs=pairs, rows=len(plan.token_edge))
        trie += shape.flops(nodes=len(plan), pairs=visible_pairs(plan), rows=len(plan.rows))
    tokens, nodes = sum(plan.separate_nodes for plan in plans), sum(len(plan) for plan in plans)
    return Saving(tokens, nodes, tokens / max(nodes, 1), separate / max(trie, 1.0))


def estimate(parts: Anatomy, plan: Plan) -> Estimate:
    """Costs of every back end on this plan and model."""
    weights = ATTENTION_WEIGHT["cuda" if parts.device.type == "cuda" else "cpu"]
    costs = []
    for name in BACKENDS.names():
        if why := BACKENDS.get(name).refuses(parts, plan):
            costs.append(Cost(name, 0.0, why))
        else:
            costs.append(Cost(name, work(name, parts, plan, attention_weight=weights.get(name, 2.0))))
    return Estimate(len(plan), plan.separate_nodes, plan.levels, tuple(costs))


def work(backend: str, parts: Anatomy, plan: Plan, *, attention_weight: float = 1.0) -> float:
    """Forward operations of one back end."""
    shape = Shape.of(parts.config)
    nodes, rows = (
        (float(plan.separate_nodes), len(plan.token_edge)) if backend == "separate" else (len(plan), len(plan.rows))
    )
    pairs = query_key_pairs(backend, plan)
    return shape.flops(nodes=nodes, pairs=pairs, rows=rows, attention_weight=attention_weight)


def query_key_pairs(backend: str, plan: Plan) -> float:
    """Query-key products a back end computes in one head of a layer without a window, masked ones included."""
    if backend == "segments":
        return float(sum(span.pairs for span in spans(plan)))
    if backend == "dense":
        return float(sum((stop - start) ** 2 for start, stop in plan.roots))
    if backend == "flex":
        return float((plan.depth + 1 + FLEX_BLOCK).sum())
    return float(sum((len(branch.tokens) - 1) ** 2 for branch in plan.branches))


def visible_pairs(plan: Plan) -> float:
    """Query-key pairs that count in the tree: the least that any back end can compute."""
    return float(np.sum(plan.depth + 1))
