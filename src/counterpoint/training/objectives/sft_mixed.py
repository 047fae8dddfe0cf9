"""Supervised fine-tuning on both poles as separate, shuffled examples, a rival of PFT in arXiv 2604.12479.

The same terms as PFT's, but not paired within a step. Worked example: right options with probability 0.8 (p+) and 0.6
(p-) in one batch; L = (-ln 0.8 - ln 0.6) / 2 = 0.367 nats, the mean over two examples where PFT has the sum over one.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.training.losses import mean_over_examples, side_nll
from counterpoint.training.objective import BranchScores, Example, sides
from counterpoint.types import Dilemma, ValuePair


class SftMixed:
    """Both sides of each dilemma, unpaired."""

    needs_reference = False
    needs_rejected = False

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:
        """Each side as an example of its own, so that a dilemma's two sides rarely meet in a step."""
        return tuple(Example(dilemma, (side,)) for side in sides(dilemma, pair))

    def loss(self, scores: BranchScores) -> Tensor:
        """Mean negative log-likelihood over examples: a scalar, nats."""
        return mean_over_examples(side_nll(scores), scores)


OBJECTIVE = SftMixed()
