"""The mix of rows, by hand and against plain sums in float64."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.steering.mixing import mixed

INF = math.inf


def logs(*rows):
    return torch.tensor(rows).log()


def test_the_worked_example():
    rows = logs([0.5, 0.5], [0.8, 0.2], [0.2, 0.8])
    for v, odds in {0.0: 1, 1.0: 4, 2.0: 16, -1.0: 1 / 4}.items():  # (4 / (1/4))^(v/2) = 4^v
        (found,) = mixed(rows, [(1.0, v / 2, -v / 2)])
        assert float((found[0] - found[1]).exp()) == pytest.approx(odds, rel=1e-5)


def test_replies_of_one_row_are_its_logits_exactly():
    rows = torch.randn(3, 7)
    assert torch.equal(mixed(rows, [(1.0,)] * 3), rows)
    assert torch.equal(mixed(rows, [(1.0,), (0.5, 0.5)])[0], rows[0])
    assert mixed(rows.bfloat16(), [(1.0,)] * 3).dtype == torch.float32


def test_a_reply_is_the_same_whatever_stands_beside_it():
    rows = torch.randn(9, 50)
    weights = [(1.0, 0.7, -0.7), (1.0,), (1.0, -2.0, 2.0, 0.3, -0.3)]
    together = mixed(rows, weights)
    assert torch.equal(together[0], mixed(rows[:3], weights[:1])[0])
    assert torch.equal(together[2], mixed(rows[4:], weights[2:])[0])


@given(st.lists(st.lists(st.floats(-3, 3), min_size=1, max_size=5), min_size=1, max_size=4), st.integers(0, 99))
def test_it_is_the_weighted_sum(weights, seed):
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(sum(map(len, weights)), 11, generator=draw)
    at = 0
    for own, found in zip(weights, mixed(rows, weights), strict=True):
        expected = (torch.tensor(own, dtype=torch.float64)[:, None] * rows[at : at + len(own)].double()).sum(0)
        assert torch.allclose(found.double(), expected, atol=1e-5)
        at += len(own)


def test_what_a_row_of_positive_weight_finds_impossible_stays_so():
    rows = torch.tensor([[0.0, -INF, 1.0], [-INF, 2.0, 1.0], [0.0, 0.0, 0.0]])
    (found,) = mixed(rows, [(1.0, 1.0, -1.0)])
    assert found.tolist() == [-INF, -INF, 2.0]


def test_what_only_a_subtracted_row_finds_impossible_counts_as_its_least_likely_token():
    rows = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-INF, -3.0, 1.0]])
    (found,) = mixed(rows, [(1.0, 0.5, -0.5)])
    assert found.tolist() == [1.5, 1.5, -0.5]


def test_where_nothing_is_left_the_first_row_decides():
    rows = torch.tensor([[0.0, -INF], [-INF, 0.0], [0.0, 0.0]])
    (found,) = mixed(rows, [(1.0, 1.0, -1.0)])
    assert found.tolist() == [0.0, -INF]


def test_what_is_no_number_is_not_hidden():
    rows = torch.tensor([[0.0, math.nan], [0.0, 1.0]])
    assert mixed(rows, [(1.0, 0.5)]).isnan().any()
