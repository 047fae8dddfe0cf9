"""What the toy world's model is taught: to find the option that has a stated property, and to say so in each form.

A lesson is one situation and what is asked about it: several wishes ("Leans to the quick."), each with every reply
that is right, and nobody in particular, to whom any option is a good reply. Its tasks share the situation, so that a
lesson is one trie. No lesson knows the taxonomy: of the toy world's dilemmas it takes texts and properties, never the
pole that an option is labelled with.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from counterpoint.data.toy import ATTRIBUTES, Situation, situations
from counterpoint.models.prompts import SYSTEM, Form, Prompter
from counterpoint.types import Dilemma, Pole

PROPERTIES = tuple(kind for attribute in ATTRIBUTES for kind in attribute.properties)
IN_JSON, LETTER_ONLY = 0.5, 0.1
"""How often each property is asked about in a lesson, by the form of the reply; else it is left out."""

BY_NAME = 0.5
"""How often a property is asked for by its name, rather than by one of its words."""


@dataclass(frozen=True)
class Task:
    """One question about a situation, and the options that are right."""

    dilemma: Dilemma
    asked: Pole | None
    form: Form
    right: tuple[int, ...]


def lessons(seed: int | str) -> Iterator[tuple[Task, ...]]:
    """Lessons without end."""
    draw = random.Random(f"lessons {seed}")
    for situation in situations(f"lessons {seed}"):
        yield tuple(_tasks(situation, draw))


def wish(word: str) -> Pole:
    """Somebody who says which property they want: by its name, or by a word that has it."""
    return Pole("Somebody", f"Leans to the {word}.")


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
                word = kind.name if draw.random() < BY_NAME else draw.choice(kind.words)
                yield Task(situation.dilemma(attribute), wish(word), form, right)
    about = situation.dilemma(draw.randrange(len(ATTRIBUTES)))
    yield Task(about, None, "answer", tuple(range(len(situation.ways))))
