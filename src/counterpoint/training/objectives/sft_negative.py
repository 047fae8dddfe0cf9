"""Supervised fine-tuning on the negative pole alone: L = NLL(y- | c(x, p-)), a rival of PFT in arXiv 2604.12479.

Worked example: the right option of two has probability 0.6 under p-; L = -ln 0.6 = 0.511 nats.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.training.losses import mean_over_examples, side_nll
from counterpoint.training.objective import BranchScores, Example, sides
from counterpoint.types import Dilemma, ValuePair


class SftNegative:
    """The negative side of each dilemma."""

    needs_reference = False
    needs_rejected = False

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:
        """The negative side only; none where no option serves it."""
        return tuple(Example(dilemma, (side,)) for side in sides(dilemma, pair) if side.pole == pair.negative.name)

    def loss(self, scores: BranchScores) -> Tensor:
        """Mean negative log-likelihood over examples: a scalar, nats."""
        return mean_over_examples(side_nll(scores), scores)


OBJECTIVE = SftNegative()
