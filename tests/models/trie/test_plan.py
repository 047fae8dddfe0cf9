"""The plan: a radix tree of token ids, depth-first, and the edges that responses read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.errors import BadInputError
from counterpoint.models.trie import Branch, build_plan

SEQUENCES = st.lists(st.integers(0, 2), min_size=2, max_size=9)


@st.composite
def branches(draw: st.DrawFn) -> list[Branch]:
    """Few letters, so that branches share prefixes, repeat one another and begin with one another."""
    drawn = draw(st.lists(SEQUENCES, min_size=1, max_size=8))
    return [Branch(tuple(said), draw(st.integers(1, len(said) - 1))) for said in drawn]


def way(plan, node: int) -> tuple[int, ...]:
    """The tokens from the root to a node, by its parents."""
    above = () if plan.parent[node] < 0 else way(plan, int(plan.parent[node]))
    return (*above, int(plan.tokens[node]))


def test_a_pair_is_laid_out_as_by_hand():
    # prompt 7 8, replies "5 6 2" and "9 2". Read: 7 8, then 5 6 (larger, first), then 9. The two 2s are read by nobody.
    plan = build_plan([Branch((7, 8, 9, 2), 2), Branch((7, 8, 5, 6, 2), 2)])
    assert plan.tokens.tolist() == [7, 8, 5, 6, 9]
    assert plan.depth.tolist() == [0, 1, 2, 3, 2]
    assert plan.parent.tolist() == [-1, 0, 1, 2, 1]
    assert plan.end.tolist() == [4, 4, 3, 3, 4]
    assert plan.runs == ((0, 4), (4, 5))
    # Edges in order of (parent, token): 8->5, 8->9, 5->6, 6->2, 9->2. The first reply (9 2) reads edges 1 and 4.
    assert plan.rows.tolist() == [1, 2, 3, 4]
    assert plan.edge_row.tolist() == [0, 0, 1, 2, 3]
    assert plan.edge_token.tolist() == [5, 9, 6, 2, 2]
    assert plan.token_edge.tolist() == [1, 4, 0, 2, 3]
    assert plan.token_branch.tolist() == [0, 0, 1, 1, 1]
    assert plan.separate_nodes == 7  # 3 + 4
    assert plan.token_ratio == 7 / 5
    assert plan.levels == 1


def test_a_response_that_begins_another_keeps_its_end_of_text():
    plan = build_plan([Branch((7, 5, 2), 1), Branch((7, 5, 6, 2), 1)])
    assert plan.tokens.tolist() == [7, 5, 6]
    edges = set(zip(plan.rows[plan.edge_row].tolist(), plan.edge_token.tolist(), strict=True))
    assert edges == {(0, 5), (1, 2), (1, 6), (2, 2)}  # after 5, both "end" and "6" are predicted
    assert plan.edge_weight[plan.token_edge[0]] == 2  # both responses read 7 -> 5


def test_branches_that_say_the_same_share_edges_and_add_their_weights():
    one, three = build_plan([Branch((7, 8, 5, 2), 2)]), build_plan([Branch((7, 8, 5, 2), 2)] * 3)
    assert three.tokens.tolist() == one.tokens.tolist()
    assert three.edge_weight.tolist() == [3, 3]
    assert three.response_tokens.tolist() == [2, 2, 2]  # original tokens, not nodes


def test_a_prefix_that_no_response_needs_is_projected_by_nobody():
    plan = build_plan([Branch(tuple(range(20)), 18)])
    assert plan.rows.tolist() == [17, 18]


def test_branches_without_a_common_first_token_are_a_forest():
    plan = build_plan([Branch((1, 2, 3), 1), Branch((4, 2, 3), 1), Branch((1, 5, 3), 1)])
    assert len(plan.roots) == 2
    assert sorted(plan.parent.tolist()) == [-1, -1, 0, 0, 3]


def test_levels_count_branchings_along_a_way():
    deep = [Branch((0, *([1] * k), 2, 3), 1) for k in range(6)]  # at every 1 a branch leaves
    assert build_plan(deep).levels == 5
    assert build_plan(deep[:1]).levels == 0


def test_a_thousand_nested_branches_need_no_recursion():
    nested = [Branch((0,) * k + (1,), 1) for k in range(2, 1002)]
    assert len(build_plan(nested)) == 1001


@pytest.mark.parametrize(("tokens", "start"), [((1,), 0), ((1, 2), 0), ((1, 2), 2), ((), 0)])
def test_a_branch_without_prompt_or_response_is_refused(tokens, start):
    with pytest.raises(BadInputError, match="branch 0"):
        build_plan([Branch(tokens, start)])


def test_no_branches_are_refused():
    with pytest.raises(BadInputError, match="no branches"):
        build_plan([])


@settings(deadline=None)  # a busy machine is no failure
@given(branches())
def test_nodes_are_the_distinct_prefixes_that_something_follows(given_branches):
    plan = build_plan(given_branches)
    expected = {b.tokens[:k] for b in given_branches for k in range(1, len(b.tokens))}
    ways = [way(plan, node) for node in range(len(plan))]
    assert set(ways) == expected
    assert len(ways) == len(expected)
    assert [len(w) - 1 for w in ways] == plan.depth.tolist()


@settings(deadline=None)  # a busy machine is no failure
@given(branches())
def test_a_node_is_an_ancestor_exactly_if_its_range_holds_the_other(given_branches):
    plan = build_plan(given_branches)
    ways = [way(plan, node) for node in range(len(plan))]
    for q, below in enumerate(ways):
        for k, above in enumerate(ways):
            assert (k <= q <= plan.end[k]) == (below[: len(above)] == above)


@settings(deadline=None)  # a busy machine is no failure
@given(branches())
def test_every_response_token_is_predicted_by_the_node_of_all_tokens_before_it(given_branches):
    plan = build_plan(given_branches)
    wanted = [(b.tokens[:t], b.tokens[t]) for b in given_branches for t in range(b.start, len(b.tokens))]
    parents = plan.rows[plan.edge_row]
    found = [(way(plan, int(parents[e])), int(plan.edge_token[e])) for e in plan.token_edge]
    assert found == wanted
    assert len(set(wanted)) == len(plan.edge_token)
    counts = [wanted.count((way(plan, int(p)), int(t))) for p, t in zip(parents, plan.edge_token, strict=True)]
    assert counts == plan.edge_weight.tolist()


@settings(deadline=None)  # a busy machine is no failure
@given(branches(), st.randoms())
def test_the_order_of_branches_changes_no_size(given_branches, shuffler):
    shuffled = list(given_branches)
    shuffler.shuffle(shuffled)
    first, second = build_plan(given_branches), build_plan(shuffled)
    assert (len(first), len(first.rows), len(first.edge_token)) == (
        len(second),
        len(second.rows),
        len(second.edge_token),
    )
    assert np.sort(first.edge_weight).tolist() == np.sort(second.edge_weight).tolist()
