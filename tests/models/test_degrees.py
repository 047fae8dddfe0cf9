"""Words of degree: which one a strength gets, and the sentences made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.models.degrees import DEGREES, degree, graded, together
from counterpoint.types import Pole


@pytest.mark.parametrize(
    ("strength", "word"),
    [
        *[(0.0, ""), (0.24, ""), (0.26, "slightly"), (-0.7, "slightly"), (0.8, "moderately"), (-1.0, "moderately")],
        *[(1.4, "moderately"), (1.6, "strongly"), (2.4, "strongly"), (2.6, "very strongly"), (-40.0, "very strongly")],
    ],
)
def test_the_word_of_a_strength_is_the_nearest(strength: float, word: str) -> None:
    assert degree(strength) == word


@given(st.floats(0, 9), st.floats(0, 9))
def test_a_stronger_leaning_never_gets_a_weaker_word(first: float, second: float) -> None:
    low, high = sorted((first, second))
    meant = {"": 0.0, **DEGREES}
    assert meant[degree(low)] <= meant[degree(high)]


def test_the_degree_stands_before_the_name_so_that_all_after_it_is_as_in_training() -> None:
    hare = Pole("Hare", "Likes it quick.")
    assert graded(hare, "slightly") == Pole("slightly Hare", "Likes it quick.")
    assert graded(hare, "very strongly", certain=False) == Pole("perhaps very strongly Hare", "Likes it quick.")


def test_several_together_keep_the_first_ones_name_and_one_stays_as_it_is() -> None:
    a, b, c = Pole("Hare", "Likes it quick."), Pole("Bee", "Likes company."), Pole("Owl", "Likes it dark.")
    assert together([a]) == a
    assert together([a, b, c]) == Pole("Hare", "Likes it quick.\nAlso: Bee. Likes company.\nAlso: Owl. Likes it dark.")
