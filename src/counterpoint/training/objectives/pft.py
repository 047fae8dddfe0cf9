"""Preference-Paired Fine-Tuning (arXiv 2604.12479, 2026).

L(x) = w+ * NLL(y+ | c(x, p+)) + w- * NLL(y- | c(x, p-)), w+ = w- = 1: both sides of a dilemma in one step, each
under its own pole. Worked example: two options, scored 0.8 / 0.2 under p+ and 0.4 / 0.6 under p-; the first serves
p+, the second p-. L = -ln 0.8 - ln 0.6 = 0.734 nats.
"""

from __future__ import annotations

from torch import Tensor

from counterpoint.training.losses import mean_over_examples, side_nll
from counterpoint.training.objective import BranchScores, Example, sides
from counterpoint.types import Dilemma, ValuePair


class Pft:
    """Both sides of each dilemma as one example."""

    needs_reference = False
    needs_rejected = False

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:
        """One example with every side of the dilemma."""
        return (Example(dilemma, sides(dilemma, pair)),)

    def loss(self, scores: BranchScores) -> Tensor:
        """Mean over examples of the sum over sides: a scalar, nats."""
        return mean_over_examples(side_nll(scores), scores)


OBJECTIVE = Pft()
