"""Conversations in the toy world, where somebody says only now and then what they lean to, and is never asked.

Every turn the user is in a situation with ways to go. With probability `SAYS` they say a word that they lean to
("Leans to the stroll."); otherwise they don't say anything of the kind. The preferred reply goes a way of the property
that they lean to all along, the rejected one a way without it. What was said once holds in later turns: that is the
skill ALOE trains (arXiv 2410.03642), in a world small enough that `lm:tiny` can learn it. The suite `aloe` asks about
cases of the same kind, with other seeds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from counterpoint.data.conversations import Conversation, Persona, Said, Turn
from counterpoint.data.toy import ATTRIBUTES, Property, situations
from counterpoint.models.prompts import Form, Prompter
from counterpoint.types import Dilemma, Pole

SAYS = 0.25
"""Probability that a turn says what its user leans to."""

FORM: Form = "letter"
"""Replies are letters: all that is learned stands in one token."""

COUNT, TURNS = 1500, 10
"""Conversations of the built-in training data, and turns of each."""


@dataclass(frozen=True)
class ToyTurn:
    """What the user of a turn is in and says, and which options are right."""

    dilemma: Dilemma
    said: Pole | None
    right: tuple[int, ...]


@dataclass(frozen=True)
class ToyCase:
    """One conversation before anybody replied."""

    id: str
    wanted: Property
    turns: tuple[ToyTurn, ...]

    @property
    def persona(self) -> Persona:
        """The hidden truth as a persona."""
        return Persona(self.id, "Goes somewhere, again and again.", f"Leans to the {self.wanted.name}.")


def cases(count: int, *, turns: int, seed: int | str, says: float = SAYS, most: int = 2) -> list[ToyCase]:
    """So many cases, each property as often as any other; situations of 2 to `most` ways."""
    draw = random.Random(f"toy conversations {seed}")
    world = situations(f"toy conversations {seed}", most=most)
    made = []
    for i in range(count):
        attribute, side = divmod(i % 4, 2)
        wanted = ATTRIBUTES[attribute].properties[side]
        steps = []
        for situation in islice(world, turns):
            right = tuple(j for j, way in enumerate(situation.ways) if way.property(attribute) is wanted)
            word = wanted.name if draw.random() < 0.5 else draw.choice(wanted.words)
            said = Pole("Somebody", f"Leans to the {word}.") if draw.random() < says else None
            steps.append(ToyTurn(situation.dilemma(attribute), said, right))
        made.append(ToyCase(f"toy-{seed}-{i}", wanted, tuple(steps)))
    return made


def message(turn: ToyTurn, prompter: Prompter) -> str:
    """What the user says. Where they don't say what they lean to, nothing stands in its place."""
    asked = [prompter.situation(turn.dilemma), prompter.instruction(turn.dilemma, FORM)]
    return "\n\n".join(asked) if turn.said is None else prompter.text(turn.dilemma, turn.said, form=FORM)


def conversations(
    given: Sequence[ToyCase], prompter: Prompter, *, seed: int, preferred: float = 0.5
) -> list[Conversation]:
    """Cases with both replies, one of them heard: the preferred one with probability `preferred`."""
    draw = random.Random(f"toy replies {seed}")
    made = []
    for case in given:
        turns, known = [], False
        for turn in case.turns:
            known = known or turn.said is not None
            wrong = [j for j in range(len(turn.dilemma.options)) if j not in turn.right]
            turns.append(
                Turn(
                    user=message(turn, prompter),
                    preferred=prompter.reply(turn.dilemma, draw.choice(turn.right), form=FORM),
                    rejected=prompter.reply(turn.dilemma, draw.choice(wrong), form=FORM),
                    continued="preferred" if draw.random() < preferred else "rejected",
                    revealed_personality=case.persona.personality if known else "",
                )
            )
        made.append(Conversation(case.id, case.persona, tuple(turns), "toy"))
    return made


def so_far(case: ToyCase, replies: Sequence[int], prompter: Prompter) -> list[Said]:
    """The messages up to the next reply, given the options that were replied with."""
    said: list[Said] = []
    for i, turn in enumerate(case.turns[: len(replies) + 1]):
        said.append(Said("user", message(turn, prompter)))
        if i < len(replies):
            said.append(Said("assistant", prompter.reply(turn.dilemma, replies[i], form=FORM)))
    return said


def training_conversations(
    tokenizer: Any, *, seed: int, count: int = COUNT, turns: int = TURNS, preferred: float = 0.5
) -> list[Conversation]:
    """The built-in training data: no case of it is one that the suite `aloe` asks about. `seed` draws the replies."""
    return conversations(cases(count, turns=turns, seed="train"), Prompter(tokenizer), seed=seed, preferred=preferred)
