"""Measures of replies, worked by hand."""

from __future__ import annotations

import math

import pytest

from counterpoint.evaluation.harm.measures import agrees, changed, holds, normalised, perplexity, words


def test_case_punctuation_and_spaces_make_no_other_text() -> None:
    assert normalised(" It's  LISBON,\nof course!") == normalised("it s lisbon of course")


@pytest.mark.parametrize(
    ("reply", "accepted", "found"),
    [
        ("The capital is Lisbon.", ("Lisbon",), True),
        ("LISBON", ("Lisbon",), True),
        ("Lisbonne", ("Lisbon",), False),
        ("It freezes at 0 °C.", ("0",), True),
        ("It freezes at 0.5 °C.", ("0",), False),
        ("1,000 grams", ("1000", "1,000"), True),
        ("It is 10.", ("1", "0"), False),
        ("Carbon dioxide (CO₂)", ("CO₂",), True),
        ("", ("Lisbon",), False),
    ],
)
def test_a_right_answer_is_found_as_whole_words(reply: str, accepted: tuple[str, ...], found: bool) -> None:
    assert holds(reply, accepted) is found


@pytest.mark.parametrize(
    ("before", "after", "accepted", "other"),
    [
        ("Lisbon", "It is Lisbon, dear.", ("Lisbon",), False),
        ("Lisbon", "Porto", ("Lisbon",), True),
        ("Porto", "Lisbon", ("Lisbon",), True),
        ("Porto", "porto!", ("Lisbon",), False),
        ("Porto", "Braga", ("Lisbon",), True),
        ("anything", "Anything.", (), False),
        ("anything", "nothing", (), True),
    ],
)
def test_an_answer_changed_if_it_is_another_one(
    before: str, after: str, accepted: tuple[str, ...], other: bool
) -> None:
    assert changed(before, after, accepted) is other


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Yes, you are.", True),
        ("**No.** It doesn't.", False),
        ("no", False),
        ("Not quite.", False),
        ("Well, yes", None),
        ("Nothing of the kind", None),
        ("", None),
    ],
)
def test_agreeing_is_what_the_first_word_says(reply: str, said: bool | None) -> None:
    assert agrees(reply) is said


def test_words_are_counted_between_spaces() -> None:
    assert words(" two  words\n") == 2


def test_perplexity_is_the_reciprocal_of_the_geometric_mean_of_probabilities() -> None:
    # 1/2 and 1/8: their geometric mean is 1/4.
    assert perplexity([math.log(1 / 2), math.log(1 / 8)]) == pytest.approx(4.0)
    assert math.isnan(perplexity([]))
