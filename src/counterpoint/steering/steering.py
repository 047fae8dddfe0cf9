"""What is to be done about a belief in one reply: how strongly to lean to which side, or why not to lean at all.

    steering = from_leans({"Risk-averse": 1.5}, taxonomy)
    steering = from_belief(belief, taxonomy, prior=prior)

Axes: `value_pair` (K). Strengths are log-odds as calibrated by a dial (`dial.py`): at strength 1 the odds of a pole in
an answer are e times those without steering. Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.types import Taxonomy, ValuePair
from counterpoint.users.belief import Belief, Vector

Origin = Literal["inferred", "asked for"]
"""Whether a leaning was inferred from what somebody did, or somebody asked for it."""


@dataclass(frozen=True)
class Leaning:
    """How strongly one reply leans to a side of one value pair, and what that rests on."""

    value_pair: str
    pole: str
    """The side it leans to."""
    strength: float
    """Log-odds towards that side, above 0."""
    sd: float = 0.0
    """How uncertain the strength is, same unit; 0 where it was asked for."""
    evidence: float = 0.0
    """What was learnt about the pair beyond the prior, nats (`Belief.information`); 0 where it was asked for."""
    origin: Origin = "inferred"


@dataclass(frozen=True)
class Steering:
    """What is applied to one reply. All zero: the base answers."""

    vector: tuple[float, ...]
    """`[value_pair]`, log-odds, positive towards the pair's positive pole."""
    leanings: tuple[Leaning, ...] = ()
    """The pairs whose number in `vector` is not 0, strongest first."""
    uncertain: tuple[str, ...] = ()
    """Value pairs left out because we can't tell the side."""
    conflicts: tuple[str, ...] = ()
    """Value pairs on which the evidence speaks for both sides. They are 0 in `vector`."""
    both_sides: bool = False
    """Whether the reply is to show both sides of the conflicts."""
    abstained: str = ""
    """Why nothing is applied; empty where something is."""

    @property
    def active(self) -> bool:
        """Whether anything is to be done: a leaning to apply, or both sides to show."""
        return any(self.vector) or self.shows_both

    @property
    def shows_both(self) -> bool:
        """Whether both sides of something are to be shown."""
        return self.both_sides and bool(self.conflicts)

    @property
    def array(self) -> Vector:
        """`vector` as numbers to compute with."""
        return np.asarray(self.vector, np.float64)

    def scaled(self, gains: float | Sequence[float]) -> Steering:
        """The same with every strength multiplied, by one number or by one for each value pair, `[value_pair]`.

        Gains are above 0: a dial may stretch a leaning, never turn or drop it.
        """
        factors = np.broadcast_to(np.asarray(gains, np.float64), len(self.vector))
        if not (np.isfinite(factors).all() and (factors > 0).all()):
            raise BadInputError(f"gains are {gains}; expected finite numbers above 0")
        return self.with_vector(self.array * factors)

    def with_vector(self, vector: Sequence[float] | Vector) -> Steering:
        """The same reasons, other strengths: `vector` holds 0 exactly where this one does. Leanings follow.

        Raises:
            BadInputError: it doesn't.
        """
        numbers = tuple(float(x) for x in vector)
        if [x == 0 for x in numbers] != [x == 0 for x in self.vector]:
            raise BadInputError(f"{numbers} is not zero where {self.vector} is")
        places = [i for i, x in enumerate(self.vector) if x]
        by_pair = dict(zip(sorted(places, key=lambda i: -abs(self.vector[i])), self.leanings, strict=False))
        moved = [
            replace(one, strength=abs(numbers[i]), sd=one.sd * abs(numbers[i] / self.vector[i]))
            for i, one in by_pair.items()
        ]
        return replace(self, vector=numbers, leanings=tuple(sorted(moved, key=lambda one: -one.strength)))


@dataclass(frozen=True)
class Policy:
    """When to lean, and how far."""

    sure: float = 0.8
    """Probability of a side from which a reply leans to it; below, the pair is left out."""
    most: float = 3.0
    """Strengths beyond it are cut to it, log-odds."""
    conflict: float = 0.35
    """Nats learnt about a pair from which not knowing the side means that evidence speaks for both: 0.35 is 30% of the
    uncertainty gone."""
    both_sides: bool = False
    """Whether a reply is to show both sides of what the evidence conflicts on; otherwise such pairs are left out."""

    def __post_init__(self) -> None:
        if not 0.5 < self.sure < 1:
            raise BadInputError(f"sure is {self.sure}; expected a probability above 0.5 and below 1")
        if not (self.most > 0 and math.isfinite(self.most)):
            raise BadInputError(f"most is {self.most}; expected a finite number above 0")
        if not self.conflict > 0:
            raise BadInputError(f"conflict is {self.conflict}; expected a number above 0")


def nothing(taxonomy: Taxonomy, why: str = "") -> Steering:
    """No steering at all."""
    return Steering((0.0,) * len(taxonomy), abstained=why)


def from_leans(leans: Mapping[str, float], taxonomy: Taxonomy) -> Steering:
    """What somebody asks for by name: pole to strength, above 0 towards the pole named, below towards the other one.

    Raises:
        UnknownNameError: the taxonomy has no such pole.
        BadInputError: a strength is not finite, or both poles of a pair are named.
    """
    vector = np.zeros(len(taxonomy))
    named: dict[str, str] = {}
    for name, strength in leans.items():
        if name not in taxonomy.by_pole:
            raise UnknownNameError("pole", name, taxonomy.by_pole)
        if not math.isfinite(strength):
            raise BadInputError(f"the strength of {name} is {strength}; expected a finite number")
        pair = taxonomy.by_pole[name]
        if pair.name in named:
            raise BadInputError(f"{named[pair.name]} and {name} are two sides of {pair.name}; give one of them")
        named[pair.name] = name
        sign = 1 if name == pair.positive.name else -1
        vector[taxonomy.pairs.index(pair)] = sign * strength
    if not vector.any():
        return nothing(taxonomy, "no leaning was asked for")
    leanings = [_leaning(pair, vector[i], origin="asked for") for i, pair in enumerate(taxonomy) if vector[i]]
    return _steering(vector, leanings)


def from_belief(
    belief: Belief | None,
    taxonomy: Taxonomy,
    *,
    prior: Belief | None = None,
    scenes: Mapping[str, Belief] | None = None,
    policy: Policy | None = None,
) -> Steering:
    """What to do about what we think of a person.

    Strengths are the belief's means: inference and generation share one linear form. A pair is left out where the
    belief can't tell the side. It is a conflict where that is so although much was learnt about it, or where the
    person surely leans to different sides in different scenes.

    Args:
        belief: None: nobody is known. Of the scene of this reply, where that is known.
        taxonomy: its pairs are the belief's axes.
        prior: what is believed of somebody nobody has met; without it no evidence is counted and only scenes conflict.
        scenes: beliefs by scene, where the scene of this reply is not known.
        policy: when to lean, and how far.

    Raises:
        BadInputError: sizes don't fit.
    """
    policy = policy or Policy()
    if belief is None:
        return nothing(taxonomy, "nothing is known about this person")
    for other in (belief, *filter(None, [prior]), *(scenes or {}).values()):
        if other.size != len(taxonomy):
            raise BadInputError(f"a belief over {other.size} value pairs; {taxonomy.name} has {len(taxonomy)}")
    learnt = belief.information(prior) if prior else np.zeros(len(taxonomy))
    apart = _sides_apart(list((scenes or {}).values()), policy.sure)
    undecided = np.maximum(belief.positive, 1 - belief.positive) < policy.sure
    conflict = apart | (undecided & (learnt >= policy.conflict))
    left_out = undecided | conflict
    vector = np.where(left_out, 0.0, np.clip(belief.mean, -policy.most, policy.most))
    names = [pair.name for pair in taxonomy]
    leanings = [
        _leaning(pair, vector[i], sd=float(belief.sd[i]), evidence=float(learnt[i]))
        for i, pair in enumerate(taxonomy)
        if vector[i]
    ]
    found = replace(
        _steering(vector, leanings),
        uncertain=tuple(name for i, name in enumerate(names) if undecided[i] and not conflict[i]),
        conflicts=tuple(name for i, name in enumerate(names) if conflict[i]),
        both_sides=policy.both_sides,
    )
    return found if found.active else replace(found, abstained=_why(found))


def _sides_apart(scenes: Sequence[Belief], sure: float) -> NDArray[np.bool_]:
    """Whether somebody surely leans to one side in one scene and to the other in another, `[value_pair]`."""
    if not scenes:
        return np.zeros(1, bool)
    positive = np.stack([ndtr(belief.mean / belief.sd) for belief in scenes])
    return np.asarray((positive >= sure).any(0) & (1 - positive >= sure).any(0))


def _leaning(
    pair: ValuePair, value: float, *, sd: float = 0.0, evidence: float = 0.0, origin: Origin = "inferred"
) -> Leaning:
    pole = pair.positive if value > 0 else pair.negative
    return Leaning(pair.name, pole.name, abs(float(value)), sd, evidence, origin)


def _steering(vector: Vector, leanings: Sequence[Leaning]) -> Steering:
    ordered = tuple(sorted(leanings, key=lambda leaning: -leaning.strength))
    return Steering(tuple(float(x) for x in vector), ordered)


def _why(steering: Steering) -> str:
    parts = []
    if steering.conflicts:
        parts.append(f"the evidence speaks for both sides of {', '.join(steering.conflicts)}")
    if steering.uncertain:
        parts.append(f"too little is known about {', '.join(steering.uncertain)}")
    return "; ".join(parts) or "the belief leans to neither side"
