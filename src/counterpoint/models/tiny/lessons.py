"""What the toy world's model is taught: to find the option that has a stated property, and to say so in each form.

A lesson is one situation and what is asked about it: several wishes ("Leans to the quick."), each with every reply
that is right; wishes of some degree ("strongly Somebody"), with how often each option is the reply; and nobody in
particular, to whom any option is a good reply. Its tasks share the situation, so that a lesson is one trie. No lesson
knows the taxonomy: of the toy world's dilemmas it takes texts and properties, never the pole that an option is labelled
with. What words of degree do to an answer is part of the language, as any base model brings it along.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from counterpoint.data.toy import ATTRIBUTES, Property, Situation, situations
from counterpoint.models.degrees import DEGREES, graded, together
from counterpoint.models.prompts import SYSTEM, Form, Prompter
from counterpoint.types import Dilemma, Pole

PROPERTIES = tuple(kind for attribute in ATTRIBUTES for kind in attribute.properties)
"""Attribute by attribute, two of each."""

IN_JSON, LETTER_ONLY = 0.5, 0.1
"""How often each property is asked about in a lesson, by the form of the reply; else it is left out."""

GRADED, TWO = 0.5, 0.5
"""How often a lesson asks for a property of each attribute in some degree, and for one of each at once."""

BY_NAME = 0.5
"""How often a property is asked for by its name, rather than by one of its words."""

SEEMING, UNCERTAIN = 0.25, 0.7
"""How often a wish is only "perhaps" of its degree, and how much of the log-odds is then left."""


@dataclass(frozen=True)
class Task:
    """One question about a situation, and the replies to it."""

    dilemma: Dilemma
    asked: Pole | None
    form: Form
    right: tuple[int, ...]
    """Options whose replies are taught whole, each as much as the others."""
    shares: tuple[float, ...] = ()
    """`[option]`, of sum 1: how often each is the reply, taught by their letters; then `right` is one drawn by it, and
    taught from its letter on. Empty where those right are all there is to teach."""


def lessons(seed: int | str) -> Iterator[tuple[Task, ...]]:
    """Lessons without end."""
    draw = random.Random(f"lessons {seed}")
    for situation in situations(f"lessons {seed}"):
        yield (*_tasks(situation, draw), *_graded_tasks(situation, draw))


def wish(word: str, degree: str = "", *, certain: bool = True) -> Pole:
    """Somebody who says which property they want, by its name or by a word that has it, and maybe how much."""
    pole = Pole("Somebody", f"Leans to the {word}.")
    return graded(pole, degree, certain=certain) if degree else pole


def phrases(prompter: Prompter) -> list[str]:
    """Texts that are the same in every task."""
    dilemma = next(situations("phrases")).dilemma(0)
    instructions = [prompter.instruction(dilemma, form) for form in ("answer", "letter")]
    return [SYSTEM, *instructions, '{"choice": "', '", "explanation": "', '."}', "\n\n"]


def _tasks(situation: Situation, draw: random.Random) -> Iterator[Task]:
    for attribute, aspect in enumerate(ATTRIBUTES):
        for kind in aspect.properties:
            right = tuple(i for i, way in enumerate(situation.ways) if way.property(attribute) is kind)
            chance = draw.random()
            if chance < IN_JSON + LETTER_ONLY:
                form: Form = "answer" if chance < IN_JSON else "letter"
                yield Task(situation.dilemma(attribute), wish(_word(kind, draw)), form, right)
    about = situation.dilemma(draw.randrange(len(ATTRIBUTES)))
    yield Task(about, None, "answer", tuple(range(len(situation.ways))))


def _graded_tasks(situation: Situation, draw: random.Random) -> Iterator[Task]:
    for attribute in range(len(ATTRIBUTES)):
        if draw.random() < GRADED:
            yield _graded_task(situation, (attribute,), draw)
    if draw.random() < TWO:
        yield _graded_task(situation, draw.sample(range(len(ATTRIBUTES)), 2), draw)


def _graded_task(situation: Situation, attributes: Sequence[int], draw: random.Random) -> Task:
    """One wish for each of these attributes, in some degree: the log-odds of an option that has what is wished.

    The log-odds of two wishes add up.
    """
    wishes, logits = [], [0.0] * len(situation.ways)
    for attribute in attributes:
        kind = draw.choice(ATTRIBUTES[attribute].properties)
        degree, certain = draw.choice(list(DEGREES)), draw.random() >= SEEMING
        wishes.append(wish(_word(kind, draw), degree, certain=certain))
        for i, way in enumerate(situation.ways):
            if way.property(attribute) is kind:
                logits[i] += DEGREES[degree] * (1.0 if certain else UNCERTAIN)
    total = sum(map(math.exp, logits))
    shares = tuple(math.exp(logit) / total for logit in logits)
    drawn = draw.choices(range(len(shares)), shares)
    return Task(situation.dilemma(draw.choice(attributes)), together(wishes), "answer", tuple(drawn), shares)


def _word(kind: Property, draw: random.Random) -> str:
    """The property's name or one of its words."""
    return kind.name if draw.random() < BY_NAME else draw.choice(kind.words)
