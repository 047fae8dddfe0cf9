"""Trees into batches by a budget of nodes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.errors import BadInputError
from counterpoint.models.trie import Branch, Member, batches, build_plan

from .test_plan import branches


def replies(prompt: tuple[int, ...], *lengths: int) -> list[Branch]:
    """One reply of each length (in tokens that are read) to a prompt; reply i is full of token 10 + i."""
    return [Branch((*prompt, *([10 + i] * n), 2), len(prompt)) for i, n in enumerate(lengths)]


def test_trees_that_fit_share_a_batch_smallest_first():
    groups = [replies((1, 2, 3), 4, 4), replies((1, 5), 1), replies((1, 6), 2)]  # 11, 3 and 4 nodes
    small, large = batches(groups, max_nodes=11)
    assert small.members == (Member(1, 0), Member(2, 0))
    assert large.members == (Member(0, 0), Member(0, 1))
    assert len(large.plan) == 11


def test_a_tree_over_budget_is_split_at_the_roots_children():
    # Prompt of 6; replies of 4, 4 and 4: 18 nodes. With a budget of 14, two replies fit together (6 + 8), one is alone.
    found = batches([replies((1,) * 6, 4, 4, 4)], max_nodes=14)
    assert sorted(len(batch.plan) for batch in found) == [10, 14]
    assert sorted(m for batch in found for m in batch.members) == [Member(0, 0), Member(0, 1), Member(0, 2)]


def test_a_child_over_budget_is_split_further_down():
    deep = replies((1, 2, 3, 4), 5, 5) + replies((1, 9), 1)
    assert all(len(batch.plan) <= 9 for batch in batches([deep], max_nodes=9))


def test_one_sequence_over_budget_is_a_batch_of_its_own_and_says_so(caplog):
    (only,) = batches([[Branch((1,) * 50, 3)] * 2], max_nodes=20)
    assert len(only.plan) == 49
    assert "is longer than the budget" in caplog.text


def test_squared_nodes_keep_trees_apart_that_a_dense_mask_could_not_hold():
    groups = [replies((1, 2, i), 7) for i in range(4)]  # 10 nodes each, 100 squared
    assert len(batches(groups, max_nodes=100)) == 1
    assert len(batches(groups, max_nodes=100, max_squared_nodes=250)) == 2


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(BadInputError, match="max_nodes is 0"):
        batches([replies((1,), 1)], max_nodes=0)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(branches(), min_size=1, max_size=4), st.integers(9, 40))
def test_every_branch_is_in_one_batch_and_no_batch_is_over_budget(groups, budget):
    found = batches(groups, max_nodes=budget)
    members = [member for batch in found for member in batch.members]
    assert sorted(members) == [Member(g, b) for g, group in enumerate(groups) for b in range(len(group))]
    assert all(len(batch.plan) <= budget for batch in found)
    for batch in found:
        assert batch.plan.branches == tuple(groups[m.group][m.branch] for m in batch.members)
        assert len(batch.plan) == len(build_plan(batch.plan.branches))
