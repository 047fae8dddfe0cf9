"""AL, IR, N-IR, N-R2: cases worked by hand, and an independent slow definition on random inputs."""

from __future__ import annotations

import math
from statistics import linear_regression, mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import BadInputError
from counterpoint.evaluation.alignment_level import alignment_level, curve, line


def test_a_case_worked_by_hand() -> None:
    # two cases, three turns: AL = (1 + 3) / 2, (2 + 4) / 2, (4 + 4) / 2 = 2, 3, 4
    scores = np.array([[1.0, 2.0, 4.0], [3.0, 4.0, 4.0]])
    levels = alignment_level(scores)
    assert levels.tolist() == [2.0, 3.0, 4.0]
    # slope 1 a turn; normalised 0, 1/2, 1: slope 1/2, on a line exactly
    assert line(levels) == pytest.approx((1.0, 0.5, 1.0))
    # AL = 1, 3, 2: turns from their mean -1, 0, 1; slope (-1 * 1 + 1 * 2) / 2 = 1/2; normalised 0, 1, 1/2: slope 1/4;
    # around the mean 1/2 the line leaves 1/2 - 1/4 ... residuals -1/4, 1/2, -1/4: 3/8 of 1/2, R2 = 1/4
    assert line(np.array([1.0, 3.0, 2.0])) == pytest.approx((0.5, 0.25, 0.25))


def test_a_score_that_is_missing_is_left_out_and_never_0() -> None:
    scores = np.array([[1.0, np.nan, 3.0], [3.0, np.nan, np.nan]])
    levels = alignment_level(scores)
    assert levels[0] == 2.0
    assert np.isnan(levels[1])
    assert levels[2] == 3.0
    # a line through (1, 2) and (3, 3)
    assert line(levels) == pytest.approx((0.5, 0.5, 1.0))
    found = curve(scores, resamples=200)
    assert found.scored == [2, 0, 1]
    assert found.level[1] == (None, None, None)


def test_an_alignment_that_never_changes_has_no_normalised_rate() -> None:
    assert line(np.array([2.0, 2.0, 2.0])) == (0.0, None, None)
    assert line(np.array([2.0])) == (None, None, None)


def test_a_table_is_asked_for() -> None:
    with pytest.raises(BadInputError, match="case, turn"):
        curve(np.zeros((0, 3)))


tables = st.integers(2, 6).flatmap(
    lambda turns: st.lists(
        st.lists(st.one_of(st.integers(1, 5).map(float), st.just(math.nan)), min_size=turns, max_size=turns),
        min_size=1,
        max_size=5,
    )
)


@given(tables)
def test_the_figures_equal_a_slow_definition(table: list[list[float]]) -> None:
    columns = [[row[k] for row in table if not math.isnan(row[k])] for k in range(len(table[0]))]
    levels = [(k + 1, mean(column)) for k, column in enumerate(columns) if column]
    found = line(alignment_level(np.array(table)))
    if len(levels) < 2:
        assert found == (None, None, None)
        return
    turns, values = zip(*levels, strict=True)
    assert found.improvement_rate == pytest.approx(linear_regression(turns, values).slope, abs=1e-12)
    low, high = min(values), max(values)
    if high - low < 1e-9:
        return
    scaled = [(value - low) / (high - low) for value in values]
    fitted = linear_regression(turns, scaled)
    assert found.normalised_rate == pytest.approx(fitted.slope, abs=1e-9)
    left = sum((y - fitted.slope * x - fitted.intercept) ** 2 for x, y in zip(turns, scaled, strict=True))
    total = sum((y - mean(scaled)) ** 2 for y in scaled)
    assert found.normalised_fit == pytest.approx(1 - left / total, abs=1e-9)


def test_the_interval_of_the_gain_holds_the_truth_and_leaves_out_0_where_it_rises() -> None:
    draw = np.random.default_rng(0)
    scores = 2.0 + 0.2 * np.arange(10) + draw.normal(size=(100, 1)) + 0.5 * draw.normal(size=(100, 10))
    found = curve(scores)
    assert found.gain.low is not None
    assert found.gain.high is not None
    assert 0 < found.gain.low < 1.8 < found.gain.high
    assert found.improvement_rate.low is not None
    assert found.improvement_rate.high is not None
    assert found.improvement_rate.low < 0.2 < found.improvement_rate.high
