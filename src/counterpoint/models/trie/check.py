"""Is a back end right on this model? Asked once, on the first batch, against separate passes.

A wrong mask raises nothing: the model simply gives other numbers, by 2 to 4 nats in the cases we know, against 4e-6
where all is well. Transformers may also change how it builds masks, and another library may patch its attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from counterpoint.models.trie.anatomy import Anatomy
from counterpoint.models.trie.attention import original, plain_attention
from counterpoint.models.trie.backend import Backend
from counterpoint.models.trie.backends.separate import branch_log_probs
from counterpoint.models.trie.plan import Plan

TOKENS = 16_384
"""Tokens that the separate passes of a check read at most (two branches are always compared)."""


class Tolerance(NamedTuple):
    """Largest differences in nats that rounding can explain: of one token, and of a branch's mean."""

    token: float
    mean: float


TOLERANCES = {
    torch.float64: Tolerance(1e-7, 1e-8),
    torch.float32: Tolerance(2e-3, 2e-4),
    torch.float16: Tolerance(0.2, 0.02),
    torch.bfloat16: Tolerance(1.0, 0.1),
}


class Verdict(NamedTuple):
    """What the comparison found, in nats."""

    token: float
    mean: float
    tolerance: Tolerance
    branches: int

    @property
    def passed(self) -> bool:
        """Whether rounding explains the differences (a NaN never passes)."""
        return self.token <= self.tolerance.token and self.mean <= self.tolerance.mean

    def __str__(self) -> str:
        return (
            f"differs from separate passes by up to {self.token:.2g} nats a token and {self.mean:.2g} in a branch's "
            f"mean, over {self.branches} branches (rounding explains {self.tolerance.token:.2g} and "
            f"{self.tolerance.mean:.2g})"
        )


def check(backend: Backend, parts: Anatomy, plan: Plan) -> Verdict:
    """Compare a back end with separate passes, without gradient and without dropout (a tree shares its noise)."""
    sample = sampled(plan)
    with torch.no_grad(), evaluating(parts.model):
        everything = backend.token_log_probs(parts, plan)
        tree = torch.tensor_split(everything, plan.response_tokens.cumsum()[:-1].tolist())
        with plain_attention(parts.config, original(parts.config._attn_implementation)):
            differences = [(tree[i] - branch_log_probs(parts, plan.branches[i])).double() for i in sample]
    return Verdict(
        token=_largest([difference.abs().max() for difference in differences]),
        mean=_largest([difference.mean().abs() for difference in differences]),
        tolerance=TOLERANCES.get(parts.dtype, TOLERANCES[torch.bfloat16]),
        branches=len(sample),
    )


def sampled(plan: Plan, *, tokens: int = TOKENS) -> list[int]:
    """Branches to compare: the longest, then the others spread evenly, as many as the tokens allow."""
    lengths = [len(branch.tokens) for branch in plan.branches]
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    others = [i for i in range(len(lengths)) if i != longest]
    fit = max(1, (tokens - lengths[longest]) * len(others) // max(sum(lengths) - lengths[longest], 1))
    step = max(1, -(-len(others) // fit))
    return [longest, *others[::step]]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within it every module is in evaluation mode; afterwards each is as it was, even where they differed."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _largest(values: list[Tensor]) -> float:
    return float(torch.stack(values).max())
