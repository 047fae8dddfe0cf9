"""Beliefs: records of a mean, a covariance and where they come from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import BadInputError
from counterpoint.users.belief import Belief


def test_somebody_unknown_has_no_leaning_and_even_odds() -> None:
    belief = Belief.flat(3, sd=2.0)
    assert belief.mean.tolist() == [0, 0, 0]
    assert belief.sd.tolist() == [2, 2, 2]
    assert belief.positive.tolist() == [0.5, 0.5, 0.5]
    assert belief.count == 0


def test_probability_of_a_side_is_the_normal_one() -> None:
    # mean 1.96 sd above 0: 97.5% positive.
    belief = Belief(np.array([1.959963984540054 * 0.5]), np.array([[0.25]]))
    assert belief.positive[0] == pytest.approx(0.975, abs=1e-12)


def test_a_90_percent_interval_reaches_1_645_standard_deviations() -> None:
    low, high = Belief(np.array([1.0]), np.array([[4.0]])).interval(0.9)
    assert low[0] == pytest.approx(1 - 2 * 1.6448536269514722)
    assert high[0] == pytest.approx(1 + 2 * 1.6448536269514722)


def test_halving_the_sd_is_ln_2_of_information() -> None:
    assert Belief.flat(1, sd=0.5).information(Belief.flat(1)) == pytest.approx([np.log(2)])


@given(size=st.integers(1, 9), seed=st.integers(0, 99))
def test_packing_keeps_every_bit_in_under_500_bytes(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    belief = Belief(rng.normal(size=size), root @ root.T + np.eye(size), 1.5e9, 7, 1.4e9)
    belief = Belief(belief.mean, (belief.covariance + belief.covariance.T) / 2, belief.time, 7, belief.changed)
    packed = belief.pack()
    again = Belief.unpack(packed)
    assert len(packed) < 500
    assert np.array_equal(again.mean, belief.mean)
    assert np.array_equal(again.covariance, belief.covariance)
    assert (again.time, again.count, again.changed) == (belief.time, belief.count, belief.changed)


@pytest.mark.parametrize("cut", [0, 5, 30])
def test_a_torn_belief_is_refused_in_words(cut: int) -> None:
    with pytest.raises(BadInputError, match="bytes"):
        Belief.unpack(Belief.flat(6).pack()[:cut])


def test_a_belief_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(BadInputError, match="not finite"):
        Belief.unpack(Belief(np.array([np.nan]), np.eye(1)).pack())
