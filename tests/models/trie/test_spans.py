"""The rectangles of attention cover exactly the ancestors, each once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.models.trie import Branch, build_plan
from counterpoint.models.trie.estimate import visible_pairs
from counterpoint.models.trie.spans import Span, spans

from .test_plan import branches
from .tiny import tree


def covered(plan, pieces, window):
    """How often each (query, key) is computed."""
    times = np.zeros((len(plan), len(plan)), int)
    for span in pieces:
        for q in range(span.q0, span.q1):
            for k in range(span.k0, span.k1):
                late = span.causal and k - span.k1 > q - span.q1
                far = window is not None and plan.depth[q] - plan.depth[k] >= window
                times[q, k] += not (late or far)
    return times


@settings(deadline=None)  # a busy machine is no failure
@given(branches(), st.sampled_from([None, 1, 2, 3, 6]), st.integers(1, 5))
def test_every_query_meets_each_of_its_ancestors_within_the_window_once(given_branches, window, block):
    plan = build_plan(given_branches)
    node = np.arange(len(plan))
    expected = (node <= node[:, None]) & (node[:, None] <= plan.end)
    if window is not None:
        expected &= plan.depth[:, None] - plan.depth < window
    assert (covered(plan, spans(plan, window=window, block=block), window) == expected).all()


def test_siblings_share_one_rectangle_over_their_prefix():
    # Prompt of 4, three replies of 2 read tokens each: nodes 0..5 are the first branch, 6..7 and 8..9 the others.
    replies = [Branch((1, 2, 3, 4, first, 9, 2), 4) for first in (5, 6, 7)]
    assert [s for s in spans(build_plan(replies)) if not s.causal] == [Span(6, 10, 0, 4, False)]


def test_a_window_leaves_out_what_nobody_sees():
    plan = build_plan(tree(1, length=200))
    pieces = spans(plan, window=5)
    assert sum(s.pairs for s in pieces) < sum(s.pairs for s in spans(plan)) / 2


@pytest.mark.parametrize("levels", [0, 1, 5])
def test_small_blocks_come_close_to_the_fewest_pairs(levels):
    plan = build_plan(tree(levels, length=64))
    assert visible_pairs(plan) <= sum(s.pairs for s in spans(plan, block=1)) == visible_pairs(plan)
