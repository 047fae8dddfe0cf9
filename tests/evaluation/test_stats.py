"""Intervals and tests: against brute force, scipy and statsmodels, and by simulation where theory knows the answer."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from counterpoint.evaluation.stats import (
    EXACT_UP_TO,
    Array,
    bootstrap,
    cell_mean,
    holm,
    resample_counts,
    sign_flip_test,
)


def ones(values: Array) -> Array:
    return np.ones_like(values)


def test_the_statistic_is_a_mean_of_cell_means_so_that_small_cells_count_as_much() -> None:
    # cell 1: (1 + 0 + 0 + 1) / 4 = 1/2; cell 2: 1 answer of 1; cell 3: empty, left out; mean 3/4
    values = np.array([[1, 1, 9], [0, 0, 9], [0, 0, 9], [1, 0, np.nan]], float)
    weights = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], float)
    assert cell_mean(values, weights) == 0.75
    # with weights 3 and 1 in a cell: (3 * 1 + 1 * 0) / 4
    assert cell_mean(np.array([[1.0], [0.0]]), np.array([[3.0], [1.0]])) == 0.75


def test_nothing_defined_is_none_not_zero() -> None:
    nothing = np.zeros((3, 2))
    assert np.isnan(cell_mean(nothing, nothing))
    assert bootstrap(nothing, nothing, ["a"] * 3) == (None, None, None)
    assert sign_flip_test(nothing, nothing) is None


def test_a_resample_keeps_each_stratum_s_size() -> None:
    counts = resample_counts(["a", "b", "a", "b", "b"], seed=0, resamples=50)
    assert counts.shape == (50, 5)
    assert set(counts[:, [0, 2]].sum(1)) == {2}
    assert set(counts[:, [1, 3, 4]].sum(1)) == {3}
    assert np.array_equal(counts, resample_counts(["a", "b", "a", "b", "b"], seed=0, resamples=50))
    assert not np.array_equal(counts, resample_counts(["a", "b", "a", "b", "b"], seed=1, resamples=50))


def test_the_interval_s_width_is_that_of_the_normal_approximation() -> None:
    # 400 units, half of them 1: standard error 0.5 / 20 = 0.025, interval 0.5 -+ 1.96 * 0.025
    values = np.tile([[0.0], [1.0]], (200, 1))
    mean, low, high = bootstrap(values, ones(values), ["a"] * 400)
    assert mean == 0.5
    assert low == pytest.approx(0.5 - 0.049, abs=0.005)
    assert high == pytest.approx(0.5 + 0.049, abs=0.005)
    # strata whose units are all alike leave nothing to chance
    assert bootstrap(values, ones(values), [0, 1] * 200) == (0.5, 0.5, 0.5)


def test_seeds_that_repeat_the_same_answers_do_not_narrow_the_interval() -> None:
    draw = np.random.default_rng(0)
    one_seed = draw.integers(0, 2, (60, 2)).astype(float)
    five_seeds = np.tile(one_seed, (1, 5))
    assert bootstrap(five_seeds, ones(five_seeds), ["a"] * 60) == pytest.approx(
        bootstrap(one_seed, ones(one_seed), ["a"] * 60)
    )


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # 60 units of two correlated answers each; 300 data sets: 95% -+ 4 * sqrt(0.95 * 0.05 / 300) = 0.90 .. 1.00, and the
    # percentile interval of 60 units is short by about a hundredth
    draw, covered = np.random.default_rng(0), 0
    for _ in range(300):
        leaning = draw.beta(3, 2, (60, 1))
        values = (draw.random((60, 2)) < leaning).astype(float)
        _, low, high = bootstrap(values, ones(values), ["a"] * 60, resamples=300)
        assert low is not None
        assert high is not None
        covered += low <= 0.6 <= high
    assert 0.89 < covered / 300 < 0.985


tables = st.tuples(st.integers(1, 7), st.integers(1, 3)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(float, shape, elements=st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])),
        hnp.arrays(float, shape, elements=st.sampled_from([0.0, 1.0, 2.0])),
    )
)


@given(tables)
def test_the_exact_sign_flip_test_equals_enumeration(table: tuple[Array, Array]) -> None:
    differences, weights = table
    if not weights.any():
        assert sign_flip_test(differences, weights) is None
        return
    observed, extreme, count = abs(cell_mean(differences, weights)), 0, 0
    for signs in product([1.0, -1.0], repeat=len(differences)):
        extreme += abs(cell_mean(np.array(signs)[:, None] * differences, weights)) >= observed - 1e-12
        count += 1
    assert sign_flip_test(differences, weights) == pytest.approx(extreme / count)


def test_the_sign_flip_test_equals_scipy_s_paired_permutation_test() -> None:
    draw = np.random.default_rng(3)
    a, b = draw.normal(0.6, 1, 11), draw.normal(0, 1, 11)
    expected = scipy_stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    differences = (a - b)[:, None]
    assert sign_flip_test(differences, ones(differences)) == pytest.approx(expected)


def test_drawn_flips_agree_with_all_of_them_and_p_is_never_zero() -> None:
    draw = np.random.default_rng(0)
    differences = np.concatenate([draw.normal(0.5, 1, EXACT_UP_TO), np.zeros(5)])[:, None]
    exact = sign_flip_test(differences, ones(differences))  # units without a difference don't count
    differences[EXACT_UP_TO:] = 1e-9  # now they do, and hardly matter
    drawn = sign_flip_test(differences, ones(differences))
    assert exact is not None
    assert exact > 0.01
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 10_000))
    clear = np.ones((60, 1))
    assert sign_flip_test(clear, ones(clear)) == 1 / 10_001


def test_no_difference_at_all_has_p_1() -> None:
    nothing = np.zeros((20, 2))
    assert sign_flip_test(nothing, ones(nothing)) == 1.0


def test_under_the_null_p_is_uniform_even_where_a_unit_s_answers_hang_together() -> None:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(300):
        differences = np.repeat(draw.normal(0, 1, (10, 1)), 4, axis=1)  # the same scenario over four seeds
        found.append(sign_flip_test(differences, ones(differences)))
    assert scipy_stats.kstest(found, "uniform").pvalue > 0.01


def test_holm_by_hand() -> None:
    # sorted 0.01 * 3 = 0.03; 0.04 * 2 = 0.08; 0.03 * ... : 0.01, 0.03, 0.04 -> 0.03, 0.06, max(0.06, 0.04) = 0.06
    assert holm([0.04, None, 0.01, 0.03]) == pytest.approx([0.06, None, 0.03, 0.06])
    assert holm([]) == []
    assert holm([None]) == [None]


@settings(max_examples=12)  # statsmodels collects garbage at each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))
