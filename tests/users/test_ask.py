"""What to ask next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from counterpoint.users.ask import Rule, at_random, certain, information, most_informative, most_uncertain_pair
from counterpoint.users.ask import next_question as ask_next
from counterpoint.users.belief import Belief
from users.small import dilemma, question

DULL = question([0.5, 0.5], [0.5, 0.5])
KNOWN = question([3.0, 0.0], [-3.0, 0.0])
OPEN = question([0.0, 1.5], [0.0, -1.5])
BELIEF = Belief(np.array([2.0, 0.0]), np.diag([0.01, 1.0]))


def test_information_is_that_of_a_fine_sum() -> None:
    grid = np.linspace(-8, 8, 4001)
    weight = np.exp(-0.5 * grid**2) / np.exp(-0.5 * grid**2).sum()
    p = 1 / (1 + np.exp(-3.0 * grid))

    def entropy(q: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        q = np.clip(q, 1e-300, 1 - 1e-16)
        return -q * np.log(q) - (1 - q) * np.log(1 - q)

    expected = entropy(np.array([weight @ p]))[0] - weight @ entropy(p)
    assert information(BELIEF, [OPEN]) == pytest.approx([expected], abs=1e-4)


def test_a_question_whose_answer_is_known_or_says_nothing_tells_nothing() -> None:
    gains = information(BELIEF, [DULL, KNOWN, OPEN])
    assert gains[0] == pytest.approx(0, abs=1e-12)
    assert gains[1] < 0.001
    assert gains[2] > 0.2
    assert most_informative(BELIEF, [DULL, KNOWN, OPEN]) == 2


def test_no_answer_tells_more_than_its_entropy() -> None:
    rng = np.random.default_rng(0)
    shown = [question(*(rng.normal(size=(a, 2)) * 3)) for a in (2, 3, 5)]
    gains = information(Belief.flat(2), shown)
    assert (gains >= 0).all()
    assert (gains <= np.log([2, 3, 5])).all()


def test_asking_stops_at_its_cost_its_certainty_and_its_number() -> None:
    assert ask_next(BELIEF, [DULL, OPEN], Rule(cost=0.05)) == 1
    assert ask_next(BELIEF, [DULL], Rule(cost=0.05)) is None
    assert ask_next(BELIEF, [OPEN], Rule(cost=1.0)) is None
    assert ask_next(BELIEF, [OPEN], Rule(), asked=20) is None
    assert ask_next(BELIEF, [], Rule()) is None
    sure = replace(BELIEF, mean=np.array([2.0, -3.0]))
    assert certain(sure) > 0.99
    assert ask_next(sure, [OPEN], Rule(cost=0.0, certainty=0.95)) is None


def test_certainty_is_that_of_the_pair_known_least() -> None:
    assert certain(BELIEF) == pytest.approx(0.5)


def test_the_baselines_pick_as_they_say() -> None:
    rng = np.random.default_rng(0)
    about = [
        replace(OPEN, dilemma=dilemma(str(i), "leap", "guard", pair=p)) for i, p in enumerate(["Risk", "Pace", "Risk"])
    ]
    assert most_uncertain_pair(["Risk", "Pace"], rng)(BELIEF, about) == 1
    assert {at_random(rng)(BELIEF, about) for _ in range(50)} == {0, 1, 2}
