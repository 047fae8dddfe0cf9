"""Both sides at once: right under both, the same under both, each given the other's."""

from __future__ import annotations

import pytest

from counterpoint.evaluation.metrics import Answer
from counterpoint.evaluation.suite import Oracle
from counterpoint.evaluation.suites.conflict import Conflict, measures
from counterpoint.evaluation.tables import Cell
from counterpoint.types import DataSet
from users.small import TAXONOMY, WordScorer, dilemma

# two options for one side and one for the other; and one each
DATA = DataSet(
    "small",
    TAXONOMY,
    (dilemma("a", "leap a", "guard a", "guard again"), dilemma("b", "fast b", "slow b", pair="Pace")),
)


def answers(first: int, second: int) -> list[Answer]:
    """Options chosen under Daring (option 0 is right) and under Careful (options 1 and 2 are)."""
    return [
        Answer("a", "Risk", "Daring", (0,), (), first, (first,), None),
        Answer("a", "Risk", "Careful", (1, 2), (), second, (second,), None),
    ]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ((0, 1), (1, 0, 0)),  # right under both
        ((0, 0), (0, 1, 0)),  # one option whoever asks
        ((1, 1), (0, 1, 0)),
        ((1, 0), (0, 0, 1)),  # each given what serves the other
        ((1, 2), (0, 0, 0)),  # two options of one side
    ],
)
def test_measures_of_one_dilemma(chosen: tuple[int, int], expected: tuple[int, int, int]) -> None:
    assert tuple(measures(answers(*chosen)).values()) == expected


def test_who_says_the_same_to_everybody_is_insensitive_throughout() -> None:
    class Same(WordScorer):
        def score(self, dilemmas, poles):  # type: ignore[no-untyped-def]
            return [rows * 0 + rows[0] for rows in super().score(dilemmas, poles)]

    found = summary(Same())
    assert (found["insensitivity"], found["paired_accuracy"]) == (1.0, 0.0)


def test_gold_is_right_under_both_and_its_opposite_swaps() -> None:
    assert summary(Oracle(right=True)) == {"paired_accuracy": 1.0, "insensitivity": 0.0, "swapped": 0.0}
    assert summary(Oracle(right=False)) == {"paired_accuracy": 0.0, "insensitivity": 0.0, "swapped": 1.0}


def test_chance_is_worked_by_hand() -> None:
    # a: 1/3 * 2/3 and 1/3; b: 1/2 * 1/2 and 1/2; value pairs have equal say
    chance = Conflict(DATA).count([cell(WordScorer())]).more["chance"]
    assert chance["paired_accuracy"] == pytest.approx((2 / 9 + 1 / 4) / 2, abs=1e-6)
    assert chance["insensitivity"] == pytest.approx((1 / 3 + 1 / 2) / 2, abs=1e-6)


def test_dilemmas_of_one_side_are_left_out_and_counted() -> None:
    one_sided = DataSet("small", TAXONOMY, (*DATA.dilemmas, one_side()))
    suite = Conflict(one_sided)
    assert [d.id for d in suite.samples] == ["a", "b"]
    assert suite.count([cell(WordScorer())]).more["left_out"] == 1


def one_side():  # type: ignore[no-untyped-def]
    from dataclasses import replace

    both = dilemma("c", "leap c", "guard c")
    return replace(both, options=tuple(replace(option, pole="Daring") for option in both.options))


def cell(scorer: object) -> Cell:
    found = Conflict(DATA).ask(scorer, DATA.dilemmas, order_seed=1)  # type: ignore[arg-type]
    return Cell("pft", 0, tuple(found), (0.0,) * len(found))


def summary(scorer: object) -> dict[str, float]:
    return {row["metric"]: row["mean"] for row in Conflict(DATA).count([cell(scorer)]).summary}
