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
    tails,
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
    assert bootstrap(values, ones(values), [0, 1] * 200) == pytest.approx((0.5, 0.5, 0.5))


def test_seeds_that_repeat_the_same_answers_do_not_narrow_the_interval() -> None:
    draw = np.random.default_rng(0)
    one_seed = draw.integers(0, 2, (60, 2)).astype(float)
    five_seeds = np.tile(one_seed, (1, 5))
    assert bootstrap(five_seeds, ones(five_seeds), ["a"] * 60) == pytest.approx(
        bootstrap(one_seed, ones(one_seed), ["a"] * 60)
    )


def test_a_mean_s_variance_over_resamples_is_the_unbiased_one() -> None:
    # values 0, 0, 3: sample variance 3 (n - 1 below), of their mean 3 / 3 = 1; plain resampling would give 2/3
    counts = resample_counts(["a"] * 3, seed=0, resamples=200_000)
    assert set(counts.sum(1)) == {3}
    assert (counts @ [0.0, 0.0, 3.0] / 3).var() == pytest.approx(1.0, abs=0.02)


def test_the_ends_are_those_of_student_s_t() -> None:
    # t with 4 degrees of freedom has 2.776 where the normal has 1.960
    low, high = tails(["a"] * 3 + ["b"] * 3)
    assert low == pytest.approx(scipy_stats.norm.cdf(-2.7764), abs=1e-5)
    assert high == pytest.approx(1 - low)
    assert tails(["a"] * 10_000) == pytest.approx((0.025, 0.975), abs=2e-5)
    assert tails(["a", "b"]) == pytest.approx((0.025, 0.975))  # nothing is known of the spread
    # bias 0.1: Phi(0.2 -+ 1.96)
    assert tails(["a", "b"], bias=0.1) == pytest.approx(
        tuple(scipy_stats.norm.cdf([0.2 - 1.95996, 0.2 + 1.95996])), abs=1e-5
    )


@pytest.mark.parametrize(("units", "pairs", "seeds", "truth"), [(12, 1, 1, 0.7), (8, 6, 3, 0.8), (25, 6, 2, 0.85)])
def test_intervals_cover_the_truth_as_often_as_they_say(units: int, pairs: int, seeds: int, truth: float) -> None:
    # a dilemma's difficulty is shared by seeds; 600 data sets: two standard errors are 0.018
    strata = [u // units for u in range(units * pairs)]
    draw, covered, sets = np.random.default_rng(0), 0, 600
    cells = np.arange(len(strata)) // units
    weights = np.zeros((len(strata), seeds * pairs))
    for seed in range(seeds):
        weights[np.arange(len(strata)), seed * pairs + cells] = 1.0
    for number in range(sets):
        leaning = draw.beta(4 * truth, 4 * (1 - truth), (len(strata), 1))
        values = (draw.random(weights.shape) < leaning) * weights
        _, low, high = bootstrap(values, weights, strata, seed=number, resamples=400)
        assert low is not None
        assert high is not None
        covered += low <= truth <= high
    assert 0.93 <= covered / sets <= 0.97


def test_equal_methods_are_told_apart_as_rarely_as_the_test_says() -> None:
    # 1,000 comparisons at 5%: two standard errors are 0.014
    draw, wins = np.random.default_rng(0), 0
    for number in range(1000):
        leaning = draw.beta(3, 1.5, (120, 1))
        one, other = ((draw.random((120, 2)) < leaning).astype(float) for _ in range(2))
        p_value = sign_flip_test(one - other, ones(one), seed=number, draws=1000)
        wins += p_value is not None and p_value < 0.05
    assert 0.03 <= wins / 1000 <= 0.07


def test_a_plain_mean_s_interval_is_scipy_s_bca_but_for_the_small_sample_corrections() -> None:
    sample = np.random.default_rng(3).exponential(size=400)
    found = bootstrap(sample[:, None], ones(sample[:, None]), ["a"] * 400, resamples=4000)
    theirs = scipy_stats.bootstrap((sample,), np.mean, n_resamples=4000, method="BCa", rng=0).confidence_interval
    assert found == pytest.approx((sample.mean(), theirs.low, theirs.high), abs=0.01)


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
