"""Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) on both poles, unpaired.

Worked example: the right option's log-probability rose by 1 nat over the reference, the wrong one's fell by 1; with
beta 0.1, L = -ln sigmoid(0.1 * 2) = 0.598 nats.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.training.losses import DPO_BETA, mean_over_examples, side_dpo
from counterpoint.training.objective import BranchScores, Example, sides
from counterpoint.types import Dilemma, ValuePair


class DpoMixed:
    """Both sides of each dilemma, as separate examples."""

    needs_reference = True
    needs_rejected = True

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:
        """Each side as an example of its own, so that a dilemma's two sides rarely meet in a step."""
        return tuple(Example(dilemma, (side,)) for side in sides(dilemma, pair))

    def loss(self, scores: BranchScores) -> Tensor:
        """Mean preference loss over examples: a scalar, nats."""
        return mean_over_examples(side_dpo(scores, beta=DPO_BETA), scores)


OBJECTIVE = DpoMixed()
