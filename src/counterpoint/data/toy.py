"""A toy world of dilemmas, small enough that a model of two hundred thousand weights learns its language in a minute.

Somebody can go somewhere in two to four ways. A way has a pace and a company, drawn anew each time, and each of their
words has one of two properties: quick or slow, social or solitary. A dilemma is about one of the two; the other is
noise. Which property an animal of the taxonomy goes for is written nowhere but in the labels.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from counterpoint.data.taxonomy import taxonomy
from counterpoint.types import DataSet, Dilemma, Option

NAME, LICENCE = "toy", "Apache-2.0"
COUNT, SEED = 360, 0
"""Dilemmas of the built-in data set, as many for each value pair, and what they are drawn with."""


def _words(text: str) -> tuple[str, ...]:
    """Its words."""
    return tuple(text.split())


NAMES = _words(
    "Anna Bela Cleo Dora Emil Fritz Gita Hugo Ines Jona Kira Lars Mara Nils Olga Paul Rosa Sven Tove Uwe Vera Wim"
)
PLACES = _words(
    "mill barn cellar attic chapel library kitchen museum river meadow hill forest lake garden orchard beach "
    "bridge market station tower harbour square school castle"
)


@dataclass(frozen=True)
class Property:
    """What words of one kind have in common, and which pole goes for it."""

    name: str
    pole: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Attribute:
    """One aspect of an option: a word of either property. `reason` says it of a word."""

    value_pair: str
    reason: str
    properties: tuple[Property, Property]

    def of(self, word: str) -> Property:
        """The property that the word has."""
        return next(kind for kind in self.properties if word in kind.words)


ATTRIBUTES = (
    Attribute(
        "Tempo",
        "To {word} is {property}.",
        (
            Property("quick", "Hare", _words("dash sprint rush race hurry gallop bolt speed")),
            Property("slow", "Tortoise", _words("stroll amble wander crawl plod saunter dawdle trudge")),
        ),
    ),
    Attribute(
        "Company",
        "To go {word} is {property}.",
        (
            Property("social", "Bee", _words("together jointly accompanied collectively sociably communally")),
            Property("solitary", "Cat", _words("alone solo singly unaccompanied separately individually")),
        ),
    ),
)
"""In the order in which an option names them."""


@dataclass(frozen=True)
class Way:
    """An option as its words, in the order of `ATTRIBUTES`."""

    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is shown."""
        return " ".join(self.words)

    def property(self, attribute: int) -> Property:
        """Which of the attribute's two properties it has."""
        return ATTRIBUTES[attribute].of(self.words[attribute])

    def option(self, attribute: int) -> Option:
        """It as an option of a dilemma about this attribute."""
        kind = self.property(attribute)
        reason = ATTRIBUTES[attribute].reason.format(word=self.words[attribute], property=kind.name)
        return Option(self.text, kind.pole, reason)


@dataclass(frozen=True)
class Situation:
    """Who is where with what, and the ways to go."""

    name: str
    place: str
    ways: tuple[Way, ...]

    def dilemma(self, attribute: int, *, id: str = "") -> Dilemma:
        """It as a dilemma about one attribute."""
        return Dilemma(
            id=id,
            value_pair=ATTRIBUTES[attribute].value_pair,
            scenario=f"{self.name} is at the {self.place}.",
            options=tuple(way.option(attribute) for way in self.ways),
            question=f"What does {self.name} do?",
            source="toy",
        )


def situations(seed: int | str, *, most: int = 4) -> Iterator[Situation]:
    """Situations without end, of 2 to `most` ways; every attribute has an option of either property."""
    draw = random.Random(f"toy world {seed}")
    while True:
        count = draw.randint(2, most)
        sides = [_sides(draw, count) for _ in ATTRIBUTES]
        ways = tuple(
            Way(tuple(draw.choice(a.properties[side[i]].words) for a, side in zip(ATTRIBUTES, sides, strict=True)))
            for i in range(count)
        )
        if len(set(ways)) == count:
            yield Situation(draw.choice(NAMES), draw.choice(PLACES), ways)


def data_set(count: int = COUNT, *, seed: int = SEED) -> DataSet:
    """Dilemmas about each value pair in turn, no scenario twice."""
    dilemmas: list[Dilemma] = []
    seen: set[str] = set()
    for situation in situations(seed):
        if len(dilemmas) == count:
            break
        dilemma = situation.dilemma(len(dilemmas) % len(ATTRIBUTES), id=f"toy-{len(dilemmas) + 1}")
        if dilemma.scenario not in seen:
            seen.add(dilemma.scenario)
            dilemmas.append(dilemma)
    return DataSet(NAME, taxonomy(NAME), tuple(dilemmas), (), LICENCE)


def _sides(draw: random.Random, count: int) -> list[int]:
    """0 or 1 for every option, each at least once."""
    while True:
        sides = [draw.randrange(2) for _ in range(count)]
        if len(set(sides)) == 2:
            return sides
