"""Agreement of raters: a published example, hand-worked tables, scikit-learn's kappa."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from counterpoint.errors import BadInputError
from counterpoint.evaluation.agreement import krippendorff_alpha, weighted_kappa

N = np.nan
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)
"""Krippendorff's own example of four observers and twelve units, with missing ratings."""


def test_alpha_is_that_of_krippendorff_s_own_example() -> None:
    assert krippendorff_alpha(PUBLISHED, level="nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(PUBLISHED, level="ordinal") == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(PUBLISHED, level="interval") == pytest.approx(0.849, abs=5e-4)


def test_full_agreement_is_1_and_no_difference_is_undefined() -> None:
    assert krippendorff_alpha(np.array([[1.0, 2, 3], [1, 2, 3]])) == 1.0
    assert krippendorff_alpha(np.array([[2.0, 2], [2, 2]])) is None
    assert weighted_kappa(np.array([1.0, 2, 3]), np.array([1.0, 2, 3])) == 1.0
    assert weighted_kappa(np.array([2.0, 2]), np.array([2.0, 2])) is None


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=30))
def test_kappa_equals_scikit_learn_s(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(side, float) for side in zip(*pairs, strict=True))
    assume(len({*one, *other}) > 1)
    for weights in ("linear", "quadratic"):
        theirs = cohen_kappa_score(one.astype(int), other.astype(int), weights=weights, labels=[1, 2, 3, 4, 5])
        assert weighted_kappa(one, other, weights=weights) == pytest.approx(theirs, abs=1e-9)


def test_tables_of_another_shape_are_refused() -> None:
    with pytest.raises(BadInputError, match="rater, item"):
        krippendorff_alpha(np.zeros(3))
    with pytest.raises(BadInputError, match="two of the same"):
        weighted_kappa(np.zeros(3), np.zeros(2))
