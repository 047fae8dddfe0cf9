"""A steering in plain words: who is named, in which order, how strongly and how surely."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.models.degrees import DEGREES
from counterpoint.steering.steering import Leaning, Steering, from_leans, nothing
from counterpoint.steering.words import is_certain, side_probability, who_answers
from counterpoint.types import Pole
from users.small import TAXONOMY

DARING, CAREFUL = TAXONOMY.pairs[0].poles
NOW, LATER = TAXONOMY.pairs[1].poles


def leaning(strength: float, sd: float) -> Leaning:
    return Leaning("Risk", "Daring", strength, sd)


def test_one_leaning_is_asked_for_as_its_pole_with_a_degree_before() -> None:
    who = who_answers(from_leans({"Careful": 2}, TAXONOMY), TAXONOMY)
    assert who == Pole("strongly Careful", "guard")


def test_the_strongest_comes_first_whichever_its_axis() -> None:
    who = who_answers(from_leans({"Daring": 0.5, "Later": 1.2}, TAXONOMY), TAXONOMY)
    assert who == Pole("moderately Later", "slow\nAlso: slightly Daring. leap")


def test_what_is_too_slight_for_a_word_is_left_out() -> None:
    assert who_answers(from_leans({"Daring": 0.2}, TAXONOMY), TAXONOMY) is None
    assert who_answers(nothing(TAXONOMY), TAXONOMY) is None
    who = who_answers(from_leans({"Daring": 0.2, "Now": -3}, TAXONOMY), TAXONOMY)
    assert who == Pole("very strongly Later", "slow")


def test_whoever_is_asked_for_in_any_case_comes_first() -> None:
    owl = Pole("Owl", "Likes it dark.")
    assert who_answers(nothing(TAXONOMY), TAXONOMY, besides=owl) == owl
    who = who_answers(from_leans({"Now": 1}, TAXONOMY), TAXONOMY, besides=owl)
    assert who == Pole("Owl", "Likes it dark.\nAlso: moderately Now. fast")


@pytest.mark.parametrize(
    ("strength", "sd", "probability"),
    # the normal distribution's table: 1 sd 0.841, 1.645 sd 0.950
    [(1.0, 1.0, 0.841), (1.645, 1.0, 0.950), (1.0, 0.0, 1.0), (3.29, 2.0, 0.950)],
)
def test_a_sides_probability(strength: float, sd: float, probability: float) -> None:
    assert side_probability(leaning(strength, sd)) == pytest.approx(probability, abs=5e-4)


def test_what_is_not_clear_is_only_perhaps_so() -> None:
    assert is_certain(None)
    assert is_certain(leaning(1.7, 1.0))
    assert not is_certain(leaning(1.6, 1.0))
    unsure = Steering((1.6, 0.0), (leaning(1.6, 1.0),))
    assert who_answers(unsure, TAXONOMY) == Pole("perhaps strongly Daring", "leap")


@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(0.1, 5))
def test_a_dial_that_doubles_both_strength_and_sd_never_makes_a_leaning_surer(a: float, b: float, gain: float) -> None:
    steering = Steering((abs(a) + 0.1, 0.0), (leaning(abs(a) + 0.1, abs(b)),))
    turned = steering.scaled(gain)
    (before,), (after,) = steering.leanings, turned.leanings
    assert side_probability(after) == pytest.approx(side_probability(before))


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_every_leaning_with_a_word_is_named_once_with_its_own_side(risk: float, pace: float) -> None:
    who = who_answers(Steering((risk, pace)), TAXONOMY)
    text = f"{who.name}. {who.description}" if who else ""
    for value, pair in zip((risk, pace), TAXONOMY, strict=True):
        named = [text.count(pole.name + ".") for pole in pair.poles]
        expected = [0, 0] if abs(value) < 0.25 else [int(value > 0), int(value < 0)]
        if abs(value) != 0.25:
            assert named == expected
    graded = sum(meant > 0 for meant in (abs(risk) > 0.25, abs(pace) > 0.25))
    assert len(re.findall(rf"\b({'|'.join(DEGREES)}) (?:Daring|Careful|Now|Later)\.", text)) == graded
