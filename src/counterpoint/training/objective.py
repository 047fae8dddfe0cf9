"""The contract of training losses: an objective sees log-probabilities of branches, never a model.

A *side* is one conditioned prompt: a dilemma asked under one pole. Its *branches* are the responses scored under it. On
the encoder a response is an option, its log-probability normalised over the dilemma's options; on a language model it
is a token sequence. An *example* is what must be in one step together: for PFT both sides of a dilemma, for its rivals
one. Axes: `branch`, `side`, `example`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from counterpoint.errors import BadInputError
from counterpoint.registry import Registry
from counterpoint.types import Dilemma, ValuePair

if TYPE_CHECKING:
    from torch import Tensor


class Side(NamedTuple):
    """A dilemma asked under one pole: options that are right, those that are wrong, and the weight w_p of its loss."""

    pole: str
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Example:
    """Sides that are trained together, in one step."""

    dilemma: Dilemma
    sides: tuple[Side, ...]


@dataclass(frozen=True)
class BranchScores:
    """Scores of a batch of examples, flattened. Log-probabilities are in nats, summed over response tokens."""

    logp: Tensor  # [branch] float, with gradient
    tokens: Tensor  # [branch] float, number of response tokens (1 on the encoder)
    chosen: Tensor  # [branch] bool
    side: Tensor  # [branch] int, which side the branch belongs to
    weight: Tensor  # [side] float
    example: Tensor  # [side] int, which example the side belongs to
    reference: Tensor | None = None  # [branch] float, the same under the untrained scorer, without gradient


class Objective(Protocol):
    """A training loss. Stateless; one file each in `objectives/`."""

    @property
    def needs_reference(self) -> bool:
        """Whether `loss` reads `BranchScores.reference`."""
        ...

    @property
    def needs_rejected(self) -> bool:
        """Whether rejected options must be scored as branches; a causal LM skips them otherwise."""
        ...

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:
        """The examples one dilemma gives."""
        ...

    def loss(self, scores: BranchScores) -> Tensor:
        """Mean loss over the batch's examples: a scalar, nats."""
        ...


OBJECTIVES: Registry[Objective] = Registry("objective", "counterpoint.training.objectives", "OBJECTIVE")


Weights = tuple[float, float]
"""w+ and w-: what the losses of the positive and the negative side count."""


def weighed_examples(
    objective: Objective, dilemma: Dilemma, pair: ValuePair, weights: Weights = (1.0, 1.0)
) -> tuple[Example, ...]:
    """The objective's examples of a dilemma, each side's weight times that of its pole."""
    examples = objective.examples(dilemma, pair)
    if weights == (1.0, 1.0):
        return examples
    of_pole = dict(zip((pole.name for pole in pair.poles), weights, strict=True))
    return tuple(
        replace(e, sides=tuple(side._replace(weight=side.weight * of_pole[side.pole]) for side in e.sides))
        for e in examples
    )


def check_weights(weights: Weights, name: str) -> None:
    """Refuse weights that are negative, not finite or both 0."""
    if not all(math.isfinite(w) and w >= 0 for w in weights) or not any(weights):
        raise BadInputError(f"{name} must be two numbers from 0, not both 0 (got {list(weights)})")


def sides(dilemma: Dilemma, pair: ValuePair) -> tuple[Side, ...]:
    """The sides of a dilemma that have an option of their own, positive first."""
    everything = range(len(dilemma.options))
    built = (
        (pole.name, gold, tuple(i for i in everything if i not in gold))
        for pole in pair.poles
        if (gold := dilemma.gold(pole.name))
    )
    return tuple(Side(*side) for side in built)
