"""Branch scores for the tests of losses: by hand, and drawn by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from counterpoint.training.objective import BranchScores


@dataclass(frozen=True)
class Branch:
    """One response: its log-probability, tokens, whether it is right, and its log-probability under the reference."""

    logp: float
    chosen: bool
    tokens: int = 1
    reference: float = 0.0


@dataclass(frozen=True)
class MadeUpSide:
    """The branches of one side and the side's weight."""

    branches: tuple[Branch, ...]
    weight: float = 1.0


Batch = list[list[MadeUpSide]]
"""`[example][side]`."""


def flatten(batch: Batch, order: list[int] | None = None) -> BranchScores:
    """The batch as an objective sees it, in double precision; `order` permutes its branches."""
    sides = [(i, side) for i, example in enumerate(batch) for side in example]
    rows = [(s, branch) for s, (_, side) in enumerate(sides) for branch in side.branches]
    rows = rows if order is None else [rows[i] for i in order]
    return BranchScores(
        logp=torch.tensor([b.logp for _, b in rows], dtype=torch.float64, requires_grad=True),
        tokens=torch.tensor([b.tokens for _, b in rows], dtype=torch.float64),
        chosen=torch.tensor([b.chosen for _, b in rows]),
        side=torch.tensor([s for s, _ in rows]),
        weight=torch.tensor([side.weight for _, side in sides], dtype=torch.float64),
        example=torch.tensor([i for i, _ in sides]),
        reference=torch.tensor([b.reference for _, b in rows], dtype=torch.float64),
    )


def _branches(chosen: bool) -> st.SearchStrategy[Branch]:
    logs = st.floats(-30, 0)
    return st.builds(Branch, logs, st.just(chosen), st.integers(1, 60), logs)


sides = st.builds(
    lambda right, wrong, mixed, weight: MadeUpSide(tuple(mixed.sample(right + wrong, len(right + wrong))), weight),
    st.lists(_branches(True), min_size=1, max_size=3),
    st.lists(_branches(False), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
    st.sampled_from([0.5, 1.0, 2.0]),
)
batches = st.lists(st.lists(sides, min_size=1, max_size=3), min_size=1, max_size=4)
