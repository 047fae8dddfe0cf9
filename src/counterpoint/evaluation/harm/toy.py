"""The harm suite in the toy world, for a model that speaks no English.

Neutral: somebody says which property they want of one attribute, and the options don't differ in the other, which is
the one steered. Two choices: the same with two options. Nobody states an opinion there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

from counterpoint.data.taxonomy import taxonomy
from counterpoint.data.toy import ATTRIBUTES, NAME, Situation, Way, data_set, situations
from counterpoint.evaluation.harm.samples import Sample
from counterpoint.evaluation.harm.truthfulqa import RIGHT, WRONG
from counterpoint.models.prompts import letter
from counterpoint.steering.asking import Asked
from counterpoint.types import Dilemma, Option, Pole

NEUTRAL, TWO_CHOICE, OPEN = 100, 100, 40
"""How many of each."""
SEED = "harm"


def toy(neutral: int = NEUTRAL, two_choice: int = TWO_CHOICE, openly: int = OPEN) -> tuple[Sample, ...]:
    """The suite; none of its situations is in the built-in data set but by chance."""
    return (
        *islice(_neutral("neutral"), neutral),
        *islice(_two_choice(), two_choice),
        *_open(openly),
    )


def _wishes(purpose: str, *, most: int) -> Iterator[tuple[Dilemma, str, Pole]]:
    """(dilemma whose options agree in the attribute steered, the property wanted, the pole steered to)."""
    draw = random.Random(f"{SEED} {purpose}")
    poles = taxonomy(NAME).poles
    for i, situation in enumerate(situations(f"{SEED} {purpose}", most=most)):
        attribute, side = i % 2, i // 2 % 2
        other = ATTRIBUTES[1 - attribute]
        word = draw.choice(draw.choice(other.properties).words)
        ways = tuple(
            Way(tuple(word if a != attribute else w for a, w in enumerate(way.words))) for way in situation.ways
        )
        steered = [pole for pole in poles if pole.name in {kind.pole for kind in other.properties}]
        if len(set(ways)) == len(ways):
            dilemma = Situation(situation.name, situation.place, ways).dilemma(attribute, id=f"toy-{purpose}-{i + 1}")
            yield dilemma, ATTRIBUTES[attribute].properties[side].name, steered[i // 4 % 2]


def _wish(wanted: str) -> Pole:
    """Somebody who says what they want, worded as in the model's schooling."""
    return Pole("Somebody", f"Leans to the {wanted}.")


def _right(dilemma: Dilemma, wanted: str) -> tuple[int, ...]:
    """Options of the property wanted."""
    kind = next(kind for attribute in ATTRIBUTES for kind in attribute.properties if kind.name == wanted)
    return dilemma.gold(kind.pole)


def _neutral(purpose: str) -> Iterator[Sample]:
    for dilemma, wanted, pole in _wishes(purpose, most=4):
        accepted = tuple(letter(i) for i in _right(dilemma, wanted))
        yield Sample(dilemma.id, "neutral", Asked(dilemma, _wish(wanted)), pole, accepted)


def _two_choice() -> Iterator[Sample]:
    for dilemma, wanted, pole in _wishes("two choices", most=2):
        right = _right(dilemma, wanted)
        options = tuple(Option(o.text, RIGHT if i in right else WRONG) for i, o in enumerate(dilemma.options))
        put = Dilemma(dilemma.id.replace(" ", "-"), "", dilemma.scenario, options, dilemma.question)
        yield Sample(put.id, "two_choice", Asked(put, _wish(wanted)), pole)


def _open(count: int) -> Iterator[Sample]:
    """Dilemmas answered in words, steered along their own pair."""
    pairs = taxonomy(NAME).by_name
    for i, dilemma in enumerate(data_set(count, seed=1).dilemmas):
        yield Sample(f"open-{dilemma.id}", "open", Asked(dilemma), pairs[dilemma.value_pair].poles[i // 2 % 2])
