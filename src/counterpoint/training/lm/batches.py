"""A micro-batch as pieces of work within a budget of nodes, with what turns their sums into `BranchScores`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from counterpoint.models.trie import Batch, Member, Plan, batches
from counterpoint.training.lm.rows import Row
from counterpoint.training.objective import BranchScores


@dataclass(frozen=True, eq=False)
class Work:
    """Whole examples in as few plans as the budget allows: one plan, or the pieces of one tree that is over budget."""

    plans: tuple[Plan, ...]
    place: Tensor  # [branch] int, where each of the rows' branches stands in the plans' branches, joined
    tokens: Tensor  # [branch] float
    chosen: Tensor  # [branch] bool
    side: Tensor  # [branch] int
    weight: Tensor  # [side] float
    example: Tensor  # [side] int
    examples: int

    def scores(self, sums: Tensor, reference: Tensor | None) -> BranchScores:
        """What the objective sees, from response log-probabilities of the joined plans' branches, `[branch]`."""
        return BranchScores(
            logp=sums[self.place],
            tokens=self.tokens.to(sums.dtype),
            chosen=self.chosen,
            side=self.side,
            weight=self.weight.to(sums.dtype),
            example=self.example,
            reference=None if reference is None else reference[self.place],
        )


@dataclass(frozen=True, eq=False)
class MicroBatch:
    """Examples whose gradients are added before anything else happens."""

    works: tuple[Work, ...]

    @property
    def examples(self) -> int:
        """Number of examples, what the loss is a mean over."""
        return sum(work.examples for work in self.works)


def micro_batch(rows: Sequence[Row], *, max_nodes: int) -> MicroBatch:
    """Rows within the budget together, as many as fit; a row over budget on its own, split where its tree branches."""
    small = [row for row in rows if row.nodes <= max_nodes]
    packed = batches([row.branches for row in small], max_nodes=max_nodes) if small else []
    works = [_work([small[i] for i in _groups(batch)], [_renumbered(batch)]) for batch in packed]
    for row in rows:
        if row.nodes > max_nodes:
            works.append(_work([row], batches([row.branches], max_nodes=max_nodes)))
    return MicroBatch(tuple(works))


def _groups(batch: Batch) -> list[int]:
    """The rows in a batch, ascending."""
    return sorted({member.group for member in batch.members})


def _renumbered(batch: Batch) -> Batch:
    """The batch with its rows numbered from 0."""
    number = {group: i for i, group in enumerate(_groups(batch))}
    return Batch(batch.plan, tuple(member._replace(group=number[member.group]) for member in batch.members))


def _work(rows: Sequence[Row], pieces: Sequence[Batch]) -> Work:
    members = [member for piece in pieces for member in piece.members]
    place = {member: i for i, member in enumerate(members)}
    order = [place[Member(i, j)] for i, row in enumerate(rows) for j in range(len(row.branches))]
    first_side = [0]
    for row in rows:
        first_side.append(first_side[-1] + len(row.weight))
    return Work(
        plans=tuple(piece.plan for piece in pieces),
        place=torch.tensor(order),
        tokens=torch.tensor([float(branch.response) for row in rows for branch in row.branches]),
        chosen=torch.tensor([right for row in rows for right in row.chosen]),
        side=torch.tensor([first_side[i] + side for i, row in enumerate(rows) for side in row.side]),
        weight=torch.tensor([weight for row in rows for weight in row.weight]),
        example=torch.tensor([i for i, row in enumerate(rows) for _ in row.weight]),
        examples=len(rows),
    )
