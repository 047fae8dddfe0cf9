"""Counting the history experiment: rows, gains and paired differences of answers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.evaluation.history.counting import Answers, Condition, pair_up, pigeonhole, rows, summarise
from users.small import TAXONOMY

NAN = np.nan
CELL = np.array([0, 0, 1, 1])
SEED = np.array([0, 1, 0, 1])


def answers(right: list[list[float]], scenario: list[int] | None = None) -> Answers:
    table = np.array(right)
    return Answers(table, CELL, SEED, np.array(scenario or range(table.shape[1])))


GOOD = answers([[1, 1, NAN], [1, 0, 1], [1, NAN, 1], [0, 1, 1]])
POOR = answers([[1, 0, NAN], [0, 0, 1], [1, NAN, 0], [0, 1, 0]])
TABLE = {Condition("belief", 3, 0.0): GOOD, Condition("single_preference", 3, 0.0): POOR}


def test_rows_are_means_of_what_was_asked_by_seed_and_pole() -> None:
    found = {(r["method"], r["seed"], r["pole"]): (r["value"], r["n"]) for r in rows(TABLE, TAXONOMY)}
    assert found["belief", 0, "Daring"] == (1.0, 2)
    assert found["belief", 1, "Daring"] == (pytest.approx(2 / 3, abs=1e-6), 3)
    # nobody stands on the poles of the second pair, so they have no rows
    assert {pole for _, _, pole in found} == {"Daring", "Careful"}


def test_poles_have_equal_say_and_the_gain_is_relative_to_the_rival() -> None:
    found = {(r["method"], r["metric"]): r for r in summarise(TABLE, "single_preference", resamples=200)}
    # Daring: 4 of 5 right against 2 of 5; Careful: 4 of 5 against 2 of 5.
    assert found["belief", "alignment"]["mean"] == pytest.approx(0.8)
    assert found["single_preference", "alignment"]["mean"] == pytest.approx(0.4)
    assert found["belief", "relative_gain"]["mean"] == pytest.approx(1.0)
    assert found["belief", "alignment"]["n"] == 10
    assert found["belief", "alignment"]["seeds"] == 2
    assert ("single_preference", "relative_gain") not in found


def test_a_paired_difference_flips_whole_people() -> None:
    (row,) = pair_up(TABLE, "belief", {"belief": "B", "single_preference": "S"}, resamples=200)
    assert row["difference"] == pytest.approx(0.4)
    # Each person is better served: by 1/2, 1/3, 1/2 and 1/3. Of 16 flips only all and none are as extreme.
    assert row["p_value"] == pytest.approx(2 / 16)
    assert row["verdict"] == "no difference shown between B and S"


def test_methods_share_the_same_resamples() -> None:
    means = pigeonhole([GOOD, GOOD], resamples=100)
    assert (means[0] == means[1]).all()
    assert means[0, 0] == pytest.approx(0.8)


def test_dilemmas_of_one_scenario_are_drawn_together() -> None:
    # Four dilemmas, each answered by all; right on the first two. As one scenario each pair stands or falls together,
    # so the mean of two draws is 0, 1/2 or 1; drawn apart it takes values between.
    right = [[1.0, 1.0, 0.0, 0.0]] * 4
    together = pigeonhole([answers(right, [0, 0, 1, 1])], resamples=300)[0]
    assert set(together.round(6)) == {0.0, 0.5, 1.0}
    apart = pigeonhole([answers(right)], resamples=300)[0]
    assert {0.25, 0.75} <= set(apart.round(6))
    assert together.std() > apart.std()
