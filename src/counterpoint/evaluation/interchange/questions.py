"""What a suite asks a language model, question by question, found by letting it ask a scorer that takes notes.

So every suite that asks through `Scorer` can be exported without a line of its own. A question is a dilemma with its
options in one order under one pole; as everywhere, the options whose `pole` has the name asked for are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.errors import BadInputError
from counterpoint.evaluation.suite import Suite, by_sample, prove_grader
from counterpoint.models.prompts import PromptConfig, Wording
from counterpoint.models.scorer import LogProbs
from counterpoint.types import Dilemma, Pole


@dataclass(frozen=True)
class Question:
    """One line of an exported file."""

    id: str
    """Sample and pole."""
    sample: str
    """The dilemma's id; it is asked under every pole that has an option."""
    pole: str
    """Who is asked for, as the suite's answers name it."""
    value_pair: str
    prompt: str
    """What the user's turn says."""
    choices: tuple[str, ...]
    """How a reply begins up to its letter, `[option]` in the order shown."""
    options: tuple[str, ...]
    """The options' texts, `[option]` in the order shown."""
    gold: tuple[int, ...]
    """Indices of what is right; one at least."""


class NoteTaker:
    """A scorer that finds all options alike and remembers what it was asked."""

    name = "note taker"

    def __init__(self) -> None:
        self.asked: dict[str, list[tuple[Dilemma, Pole]]] = {}

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[LogProbs]:
        """See `Scorer.score`."""
        for dilemma, asked in zip(dilemmas, poles, strict=True):
            self.asked.setdefault(dilemma.id, []).extend((dilemma, pole) for pole in asked)
        shapes = [(len(asked), len(d.options)) for d, asked in zip(dilemmas, poles, strict=True)]
        return [np.full(shape, -np.log(shape[1]), np.float32) for shape in shapes]

    def save(self, folder: Path) -> None:
        """Nothing is trained."""

    def describe(self) -> dict[str, Any]:
        """Its name."""
        return {"name": self.name}


def questions_of(suite: Suite, *, seed: int = 0, prompts: PromptConfig | None = None) -> list[Question]:
    """All questions of a suite, options in the order that `seed` draws for a run's seed of that number.

    Raises:
        BadInputError: the suite's grader fails its proof, or it asks something that has no right option.
    """
    prove_grader(suite)
    notes, wording = NoteTaker(), Wording(prompts)
    answers = by_sample(suite.ask(notes, suite.samples, order_seed=seed))
    found = []
    for sample in suite.samples:
        asked = [(d, pole) for d, pole in notes.asked.get(sample.id, []) if d.gold(pole.name)]
        poles = [answer.pole for answer in answers.get(sample.id, [])]
        if len(poles) != len(asked):
            raise BadInputError(f"suite {suite.name}: {sample.id} is not asked one question an answer: no such export")
        found += [
            Question(
                id=f"{sample.id}: {name}",
                sample=sample.id,
                pole=name,
                value_pair=sample.value_pair,
                prompt=wording.text(shown, pole),
                choices=wording.choices(shown),
                options=tuple(option.text for option in shown.options),
                gold=shown.gold(pole.name),
            )
            for name, (shown, pole) in zip(poles, asked, strict=True)
        ]
    return found
