"""Identity preference optimisation (Azar et al. 2023, arXiv 2310.12036, eq. 17) on both poles, unpaired.

Worked example: the right option's log-probability rose by 1 nat over the reference, the wrong one's fell by 1; with
tau 0.1, L = (2 - 1 / 0.2)^2 = 9 nats squared.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.training.losses import IPO_TAU, mean_over_examples, side_ipo
from counterpoint.training.objective import BranchScores, Example, sides
from counterpoint.types import Dilemma, ValuePair


class IpoMixed:
    """Both sides of each dilemma, as separate examples."""

    needs_reference = True
    needs_rejected = True

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:
        """Each side as an example of its own, so that a dilemma's two sides rarely meet in a step."""
        return tuple(Example(dilemma, (side,)) for side in sides(dilemma, pair))

    def loss(self, scores: BranchScores) -> Tensor:
        """Mean preference loss over examples: a scalar, nats squared."""
        return mean_over_examples(side_ipo(scores, tau=IPO_TAU), scores)


OBJECTIVE = IpoMixed()
