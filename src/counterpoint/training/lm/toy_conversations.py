"""Conversations in the toy world, where somebody says only now and then what they lean to, and is never asked.

Every turn the user is in a situation with ways to go. With probability `SAYS` they say a word that they lean to
("Leans to the stroll."); otherwise they don't say anything of the kind. The preferred reply goes a way of the property
that they lean to all along, the rejected one a way without it. What was said once holds in later turns: that is the
skill ALOE trains (arXiv 2410.03642), in a world small enough that `lm:tiny` can learn it. The judge is exact: 5 on
ALOE's scale for a reply whose way has the property, else 1.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from counterpoint.data.conversations import Conversation, Persona, Said, Turn
from counterpoint.data.toy import ATTRIBUTES, Property, situations
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import Form, Prompter
from counterpoint.models.trie import Branch, TrieEngine, build_plan
from counterpoint.types import Dilemma, Pole

SAYS = 0.25
"""Probability that a turn says what its user leans to."""

FORM: Form = "letter"
"""Replies are letters: all that is learned stands in one token."""

ALIGNED, NOT_ALIGNED = 5.0, 1.0
"""ALOE's scale at its ends: a way has the property or hasn't."""


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


def conversations(given: Sequence[ToyCase], prompter: Prompter, *, seed: int) -> list[Conversation]:
    """Cases with both replies, one of them heard."""
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
                    continued="preferred" if draw.random() < 0.5 else "rejected",
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


def levels(language: LanguageModel, given: Sequence[ToyCase]) -> NDArray[np.float64]:
    """How aligned a model's replies are, turn by turn in a conversation with its own replies: `[case, turn]`, 1 or 5.

    A reply is the likeliest letter. The mean over cases at turn k is ALOE's AL(k), with an exact judge.
    """
    prompter, engine = Prompter(language.tokenizer), TrieEngine(language.model)
    found = np.full((len(given), max(len(case.turns) for case in given)), np.nan)
    for i, case in enumerate(given):
        replies: list[int] = []
        for k, turn in enumerate(case.turns):
            before, letters = prompter.letters(turn.dilemma, form=FORM)
            prompt = prompter.turns([(said.role, said.text) for said in so_far(case, replies, prompter)]) + before
            with torch.no_grad():
                sums = engine.log_probs(build_plan([Branch(prompt + letter, len(prompt)) for letter in letters])).sums
            replies.append(int(sums.argmax()))
            found[i, k] = ALIGNED if replies[-1] in turn.right else NOT_ALIGNED
    return found
