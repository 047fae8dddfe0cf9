"""What is trained besides a pole alone: degrees, and the company of other pairs' poles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterpoint.data import shuffle_options
from counterpoint.errors import BadInputError
from counterpoint.models.degrees import DEGREES, graded, together
from counterpoint.models.prompts import Prompter
from counterpoint.training.lm.leanings import Asked, Leanings
from counterpoint.training.lm.rows import Row, build_rows
from counterpoint.training.lm.settings import LmTraining, check
from counterpoint.training.objective import OBJECTIVES
from counterpoint.types import Taxonomy

from .small import QUICK, RISK, TIME, VCD, dilemmas, tokenizer

TWO = Taxonomy("two", (RISK, TIME))
PROMPTER = Prompter(tokenizer())
(DILEMMA,) = (shuffle_options(d, 3) for d in dilemmas(1, options=2))


def row(objective: str) -> Row:
    (found,) = build_rows(
        [DILEMMA], VCD, OBJECTIVES.get(objective), PROMPTER, replace(QUICK, leanings=0.5), seed=3
    ).rows
    return found


def test_a_side_is_asked_alone_in_some_degree_and_in_company() -> None:
    degrees, company = set(), set()
    for dilemma in dilemmas(80):
        alone, degree, *beside = Leanings(TWO, 0.5, seed=0).asked(dilemma, RISK, RISK.positive.name)
        assert alone == Asked(RISK.positive, 0.5, 1.0)
        assert degree.share == 0.25
        assert [(one.share, one.right) for one in beside] == [(0.125, 1.0)] * 2
        degrees.add((degree.who, round(degree.right, 3)))
        company.add(frozenset(one.who for one in beside))
    expected = {"slightly": 0.622, "moderately": 0.731, "strongly": 0.881, "very strongly": 0.953}
    assert degrees == {(graded(RISK.positive, word), expected[word]) for word in DEGREES}
    orders = [([RISK.positive, other], [other, RISK.positive]) for other in TIME.poles]
    assert company == {frozenset(map(together, both)) for both in orders}


def test_both_sides_are_asked_alike() -> None:
    for dilemma in dilemmas(20):
        asked = {own: Leanings(VCD, 0.5, seed=0).asked(dilemma, RISK, own.name) for own in RISK.poles}
        told = {own: [f"{one.who.name}. {one.who.description}" for one in found] for own, found in asked.items()}
        (first, *rest) = (
            [text.replace(own.name, "*").replace(own.description, "*") for text in texts] for own, texts in told.items()
        )
        assert rest == [first]


def test_the_other_options_of_a_degree_weigh_what_is_left() -> None:
    found = row("pft")
    leanings = Leanings(VCD, 0.5, seed=3)
    expected, weights = [], []
    for pole, other in (RISK.poles, RISK.poles[::-1]):
        alone, degree, one_way, other_way = leanings.asked(DILEMMA, RISK, pole.name)
        own, rest = DILEMMA.gold(pole.name), DILEMMA.gold(other.name)
        for who, options in (
            (alone.who, own),
            (degree.who, own),
            (degree.who, rest),
            (one_way.who, own),
            (other_way.who, own),
        ):
            expected += [PROMPTER.branch(DILEMMA, who, option) for option in options]
        weights += [0.5, 0.25 * degree.right, 0.25 * (1 - degree.right), 0.125, 0.125]
    assert list(found.branches) == expected
    assert found.side == tuple(range(10))
    assert found.weight == pytest.approx(weights)
    assert all(found.chosen)


def test_where_options_are_compared_a_degree_compares_them_both_ways() -> None:
    found = row("dpo_positive")
    assert found.side == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)
    assert found.chosen == (True, False) * 5
    assert found.branches[2:4] == found.branches[4:6][::-1]


def test_at_a_share_of_0_poles_are_asked_alone_and_so_is_who_has_no_others() -> None:
    assert Leanings(VCD, 0.0, seed=0).asked(DILEMMA, RISK, RISK.negative.name) == (Asked(RISK.negative, 1.0),)
    *_, beside = Leanings(Taxonomy("one", (RISK,)), 0.5, seed=0).asked(DILEMMA, RISK, RISK.negative.name)
    assert beside.who == together([RISK.negative])


def test_a_share_is_between_0_and_1() -> None:
    with pytest.raises(BadInputError, match=r"training.leanings is 1.5"):
        check(LmTraining(leanings=1.5))
