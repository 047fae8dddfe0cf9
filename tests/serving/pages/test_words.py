"""Leanings in plain words, for each of the things that can be known of one."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.serving.pages.words import listed, stance, summary
from counterpoint.serving.people import Leaning, Preferences
from counterpoint.users.belief import Belief


def leaning(probability: float, *, evidence: float = 1.0, corrected: float | None = None) -> Leaning:
    """A leaning between Cat and Dog with this probability of Dog."""
    return Leaning("Pets", "Dog", "Cat", 0.0, 1.0, -1.0, 1.0, probability, evidence, corrected, "")


def of(*leanings: Leaning) -> Preferences:
    """Ann, with these leanings."""
    return Preferences("Ann", leanings, "", 3, 3, None, None, None, Belief(np.zeros(1), np.eye(1)))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (leaning(0.99), "Clearly Dog"),
        (leaning(0.95), "Clearly Dog"),
        (leaning(0.90), "Rather Dog"),
        (leaning(0.15), "Rather Cat"),
        (leaning(0.01), "Clearly Cat"),
        (leaning(0.6), "Could go either way"),
        (leaning(0.6, evidence=0.01), "Not known yet"),
        (leaning(0.99, corrected=2.0), "Your own word: Dog"),
        (leaning(0.5, corrected=0.0), "Your own word: neither side"),
    ],
)
def test_a_leaning_in_a_few_words(one: Leaning, words: str) -> None:
    assert stance(one, own=True) == words
    assert stance(one, own=False) == words.replace("Your", "Their")


def test_a_summary_goes_from_what_is_sure_to_what_is_not() -> None:
    known = of(
        leaning(0.99), leaning(0.1), leaning(0.01), leaning(0.5), leaning(0.5, evidence=0), leaning(0.9, corrected=1)
    )
    said = "Could go either way: Cat or Dog. Not known yet: Pets."
    assert summary(known, own=True) == f"You lean clearly to Dog and Cat; rather to Cat. Your own word: Dog. {said}"
    assert summary(known, own=False) == f"Ann leans clearly to Dog and Cat; rather to Cat. Their own word: Dog. {said}"
    assert summary(known, own=False, brief=True).startswith("Leans clearly to Dog")


def test_of_a_newcomer_nothing_is_known() -> None:
    assert summary(of(leaning(0.5, evidence=0), leaning(0.5, evidence=0)), own=True) == "Nothing is known yet."


def test_lists_read_as_one_would_say_them() -> None:
    assert [listed(parts) for parts in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
