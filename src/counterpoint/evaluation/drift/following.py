"""User models follow people over their choices: what they would answer at each moment, when they turn, what they say.

Axes: `person`, `moment` (numbers of choices since the change), `dilemma`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.evaluation.drift.lives import Life, aligned
from counterpoint.types import Dilemma, Taxonomy
from counterpoint.users.model import Observation, Question, UserModel
from counterpoint.users.models.in_context import InContext

Array = NDArray[np.float64]
DAY = 86400.0
HELD = 3
"""Choices for which a belief must stay on the new side to have turned round."""


@dataclass(frozen=True)
class Followed:
    """How one model followed one person."""

    right: tuple[tuple[float, ...], ...]
    """Alignment of its first option, `[moment][question]`."""
    turned: int | None
    """Choices after the change until the belief is on the new side for good; None if never within the life, or where
    nothing turns or the model holds no belief."""
    alarm: int | None
    """Number of choices after which it first said that something had changed; None if it never did."""


def follow(
    model: UserModel[Any],
    life: Life,
    questions: Sequence[Question],
    test: Sequence[Dilemma],
    taxonomy: Taxonomy,
    *,
    before: int,
    moments: Sequence[int],
) -> Followed:
    """One model, one person.

    Args:
        model: follows.
        life: who.
        questions: the test dilemmas as the scorer reads them.
        test: the test dilemmas.
        taxonomy: its value pairs.
        before: choices before the change.
        moments: numbers of choices since the change, from -before on, at which it is asked.
    """
    state, right, alarm = model.prior(), [], None
    means: list[float] = []
    for step in range(len(life.chosen) + 1):
        if step - before in moments:
            picks = [_first(model, state, _at(questions[i], step)) for i in life.asked]
            right.append(
                tuple(aligned(life, test[i], pick, step, taxonomy) for i, pick in zip(life.asked, picks, strict=True))
            )
        if step < len(life.chosen):
            dilemma, option = life.chosen[step]
            told = f"Chose: {test[dilemma].options[option].text}"
            state = model.update(state, Observation(_at(questions[dilemma], step), option, told=told))
            belief = model.belief(state, scene=questions[dilemma].scene)
            means.append(float(belief.mean[life.axis]))
            if alarm is None and belief.changed > 0:
                alarm = step + 1
    turns = not isinstance(model, InContext) and bool(life.person.flips or life.person.drifts)
    side = -1 if life.cell % 2 == 0 else 1  # the other pole of the pair, which is positive first
    return Followed(tuple(right), _turned(means[before:], side) if turns else None, alarm)


def spread(followed: Sequence[Followed], lives: Sequence[Life], moment: int, dilemmas: int) -> Array:
    """Alignment at one moment as `[person, dilemma]`, NaN where not asked."""
    table = np.full((len(lives), dilemmas), np.nan)
    for row, (life, own) in enumerate(zip(lives, followed, strict=True)):
        table[row, list(life.asked)] = own.right[moment]
    return table


def _first(model: UserModel[Any], state: Any, question: Question) -> int:
    """The option that it holds likeliest."""
    return int(np.argmax(model.predict(state, question)))


def _at(question: Question, step: int) -> Question:
    """Put when the choice of number `step` is made."""
    return replace(question, time=DAY * (step + 1))


def _turned(means: Sequence[float], side: int) -> int | None:
    """The first of `HELD` choices in a row with the mean on that side, counted from 1."""
    held = 0
    for number, mean in enumerate(means):
        held = held + 1 if np.sign(mean) == side else 0
        if held == HELD:
            return number + 2 - HELD
    return None
