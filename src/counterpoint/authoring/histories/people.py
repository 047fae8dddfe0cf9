"""People with a hidden preference vector for every moment and scene.

A vector v in R^K has one number a value pair, in the order of the taxonomy. Of an option o, x(o) in R^K is +1 in the
place of its value pair if it serves the positive pole and -1 if the negative, 0 elsewhere; the person takes o with
probability softmax(v . x(o)) over the dilemma's options. So with two options, one a side, the odds are exp(2 v_d): 7.4
to 1 for v_d = 1. It is the law that user models assume, on gold labels instead of a scorer's readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.types import Dilemma, Taxonomy

Vector = NDArray[np.float64]
"""`[value_pair]`."""

Kind = Literal["steady", "undecided", "divided", "drifting", "turning"]
KINDS: tuple[Kind, ...] = ("steady", "undecided", "divided", "drifting", "turning")


@dataclass(frozen=True)
class Person:
    """Somebody whose vector goes straight from `before` to `after` between two moments.

    Shares are of the person's span of time: 0 is its beginning and 1 its end.
    """

    name: str
    """Who."""
    kind: Kind
    """How they were drawn."""
    before: tuple[float, ...]
    """The vector up to the first moment, `[value_pair]`."""
    after: tuple[float, ...]
    """The vector from the second moment on."""
    moments: tuple[float, float] = (0.0, 0.0)
    """When the change begins and ends, as shares; the same twice: all at once."""
    in_scene: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By scene, what is added to the vector there."""
    lapse: float = 0.0
    """Probability of taking any option whatever the vector."""

    def vector(self, share: float, scene: str = "") -> Vector:
        """The vector at a moment, in a scene."""
        first, last = self.moments
        gone = float(share >= last) if last <= first else min(max((share - first) / (last - first), 0.0), 1.0)
        vector: Vector = (1 - gone) * np.array(self.before) + gone * np.array(self.after)
        if scene in self.in_scene:
            vector = vector + np.array(self.in_scene[scene])
        return vector

    def probabilities(self, dilemma: Dilemma, taxonomy: Taxonomy, share: float) -> Vector:
        """Of taking each option: `[option]`."""
        leaning = features(dilemma, taxonomy) @ self.vector(share, dilemma.scene)
        weights = np.exp(leaning - leaning.max())
        chances: Vector = (1 - self.lapse) * weights / weights.sum() + self.lapse / len(dilemma.options)
        return chances


def features(dilemma: Dilemma, taxonomy: Taxonomy) -> Vector:
    """x of every option, `[option, value_pair]`."""
    axis = [pair.name for pair in taxonomy].index(dilemma.value_pair)
    x = np.zeros((len(dilemma.options), len(taxonomy)))
    x[:, axis] = [1.0 if option.pole == taxonomy.pairs[axis].positive.name else -1.0 for option in dilemma.options]
    return x


def draw_person(
    kind: Kind, name: str, taxonomy: Taxonomy, rng: Generator, *, scenes: Sequence[str] = (), lapse: float = 0.02
) -> Person:
    """Somebody of a kind: sides are drawn evenly, sizes between 0.6 and 1.8.

    Undecided people have sizes a quarter of that. Divided ones have leanings of their own in every scene, as strong as
    their general ones. Drifting ones move to another vector over the middle half of their time. Turning ones go over to
    the other side of every value pair at once, between a third and two thirds of it.
    """
    if not 0 <= lapse <= 1:
        raise BadInputError(f"lapse must be between 0 and 1 (got {lapse})")

    def leaning(scale: float = 1.0) -> tuple[float, ...]:
        sides = rng.choice([-1.0, 1.0], size=len(taxonomy))
        return tuple((scale * sides * rng.uniform(0.6, 1.8, size=len(taxonomy))).tolist())

    match kind:
        case "steady":
            vector = leaning()
            return Person(name, kind, vector, vector, lapse=lapse)
        case "undecided":
            vector = leaning(0.25)
            return Person(name, kind, vector, vector, lapse=lapse)
        case "divided":
            vector = leaning()
            return Person(name, kind, vector, vector, in_scene={scene: leaning() for scene in scenes}, lapse=lapse)
        case "drifting":
            return Person(name, kind, leaning(), leaning(), moments=(0.25, 0.75), lapse=lapse)
        case "turning":
            vector, moment = leaning(), float(rng.uniform(1 / 3, 2 / 3))
            other = tuple(-value for value in vector)
            return Person(name, kind, vector, other, moments=(moment, moment), lapse=lapse)
