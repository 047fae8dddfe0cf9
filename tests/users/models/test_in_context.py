"""The history in the scorer's prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.types import Dilemma, Pole
from counterpoint.users.belief import Belief
from counterpoint.users.model import Question
from counterpoint.users.models.in_context import InContext
from users.small import chose, dilemma, question


class Overlap:
    """Prefers the option that shares most words with the prompt; remembers the prompts it was given."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[NDArray[np.float32]]:
        (shown,), ((pole,),) = dilemmas, poles
        self.prompts.append(pole.description)
        shared = np.array([len(set(o.text.split()) & set(pole.description.split())) for o in shown.options], float)
        return [np.log(np.exp(shared) / np.exp(shared).sum())[None].astype(np.float32)]


ASKED = Question(np.zeros((2, 1)), np.zeros(2), dilemma=dilemma("d", "leap far", "guard well"))


def told(text: str, event: str) -> object:
    return replace(chose(0, [1.0], [-1.0]), told=text, event=event)


def test_the_history_is_read_latest_first_and_only_so_far_back() -> None:
    reader = Overlap()
    model = InContext(Belief.flat(1), reader=reader, limit=2)
    state = model.fit([told("one", "a"), told("guard well", "b"), told("three", "c")])  # type: ignore[list-item]
    probability = model.predict(state, ASKED)
    assert reader.prompts == ["three guard well"]
    # Two shared words against none: e^2 / (1 + e^2).
    assert probability[1] == pytest.approx(np.exp(2) / (1 + np.exp(2)), abs=1e-6)


def test_several_observations_of_one_event_are_told_once() -> None:
    model = InContext(Belief.flat(1))
    assert model.fit([told("same", "a"), told("same", "a"), told("next", "b")]) == ("same", "next")  # type: ignore[list-item]


def test_without_history_it_says_what_people_at_large_would_do() -> None:
    assert InContext(Belief.flat(1)).predict((), question([1.0], [-1.0])) == pytest.approx([0.5, 0.5])


def test_reading_needs_a_scorer_and_a_text() -> None:
    with pytest.raises(BadInputError, match="scorer"):
        InContext(Belief.flat(1)).predict(("did",), ASKED)
    with pytest.raises(BadInputError, match="text"):
        InContext(Belief.flat(1), reader=Overlap()).predict(("did",), question([1.0], [-1.0]))
