"""Simulated people whose truth is known. They read the gold labels, never a scorer's output.

So inference, which sees only texts through a scorer, is not tested on its own assumptions. The exception says so:
`draw_choice` follows the model exactly, for checking that intervals cover what they claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.random import Generator
from scipy.special import softmax

from counterpoint.types import Choice, ChoiceKind, Dilemma, Taxonomy
from counterpoint.users.belief import Vector
from counterpoint.users.model import Observation, Question

Kind = Literal["consistent", "noisy", "conflicted", "drifting", "flipping"]
KINDS: tuple[Kind, ...] = ("consistent", "noisy", "conflicted", "drifting", "flipping")
DAY = 86400.0


@dataclass(frozen=True)
class Person:
    """Somebody with a side on every value pair.

    Attributes:
        name: who.
        sides: pole by value pair.
        noise: probability of choosing any option at random, whatever its pole.
        in_scene: pole by (scene, value pair), where it differs from `sides`.
        flips: (value pair, number of choices made before) for pairs whose side turns over all at once.
        drifts: value pair -> (first, last) choice between which the other side takes over, bit by bit.
    """

    name: str
    sides: Mapping[str, str]
    noise: float = 0.0
    in_scene: Mapping[tuple[str, str], str] = field(default_factory=dict)
    flips: Mapping[str, int] = field(default_factory=dict)
    drifts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def side(self, dilemma: Dilemma, step: int, taxonomy: Taxonomy) -> tuple[str, float]:
        """The pole this person leans to in a dilemma after `step` choices, and the probability of taking that side."""
        pair = dilemma.value_pair
        pole = self.in_scene.get((dilemma.scene, pair), self.sides[pair])
        if pair in self.flips and step >= self.flips[pair]:
            pole = taxonomy.by_name[pair].other(pole).name
        if pair not in self.drifts:
            return pole, 1.0
        first, last = self.drifts[pair]
        return pole, float(np.clip((last - step) / max(last - first, 1), 0.0, 1.0))

    def choose(self, dilemma: Dilemma, step: int, taxonomy: Taxonomy, rng: Generator) -> int:
        """The index of the option taken; among options of one side, any."""
        pole, probability = self.side(dilemma, step, taxonomy)
        if rng.random() >= probability:
            pole = taxonomy.by_name[dilemma.value_pair].other(pole).name
        gold = dilemma.gold(pole)
        if not gold or rng.random() < self.noise:
            return int(rng.integers(len(dilemma.options)))
        return int(rng.choice(gold))


def make_person(kind: Kind, name: str, taxonomy: Taxonomy, rng: Generator, *, scenes: Sequence[str] = ()) -> Person:
    """Somebody of a kind, sides drawn at random.

    Noisy people choose at random a fifth of the time; conflicted ones have a side of their own in each of `scenes`;
    drifting ones turn over between the 10th choice and the 50th, flipping ones at the 20th.
    """
    sides = _sides(taxonomy, rng)
    everywhere = {pair.name: 20 for pair in taxonomy}
    match kind:
        case "consistent":
            return Person(name, sides)
        case "noisy":
            return Person(name, sides, noise=0.2)
        case "conflicted":
            own = {(scene, pair): pole for scene in scenes for pair, pole in _sides(taxonomy, rng).items()}
            return Person(name, sides, in_scene=own)
        case "drifting":
            return Person(name, sides, drifts=dict.fromkeys(everywhere, (10, 50)))
        case "flipping":
            return Person(name, sides, flips=everywhere)


def live(
    person: Person, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, rng: Generator, *, gap: float = DAY
) -> tuple[Choice, ...]:
    """What a person does, one dilemma every `gap` seconds from 1970 on: chose events that name dilemmas by digest."""
    return tuple(
        Choice(
            id=f"{person.name}-{step}",
            person=person.name,
            time=gap * (step + 1),
            kind=ChoiceKind.CHOSE,
            dilemma=dilemma.digest,
            groups=((person.choose(dilemma, step, taxonomy, rng),),),
            scene=dilemma.scene,
        )
        for step, dilemma in enumerate(dilemmas)
    )


def draw_choice(preference: Vector, question: Question, rng: Generator) -> Observation:
    """A choice by the model's own law, softmax(features v + bias): for people the model describes exactly."""
    probability = softmax(question.features @ preference + question.bias)
    return Observation(question, int(rng.choice(len(probability), p=probability)))


def _sides(taxonomy: Taxonomy, rng: Generator) -> dict[str, str]:
    return {pair.name: pair.poles[int(rng.integers(2))].name for pair in taxonomy}
