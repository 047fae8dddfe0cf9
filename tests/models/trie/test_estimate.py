"""What each back end would cost."""

import pytest

from counterpoint.models.trie import Branch, build_plan
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.estimate import Cost, Estimate, Shape, estimate, query_key_pairs, saving, visible_pairs

from .tiny import FAMILIES, model

SHAPE = Shape(layers=2, hidden=4, intermediate=6, heads=2, key_heads=1, head_dim=3, vocabulary=10)
PAIR = build_plan([Branch((7, 8, 5, 6, 2), 2), Branch((7, 8, 9, 2), 2)])


def test_operations_are_as_counted_by_hand():
    # Weights of a layer: queries 4 x 6, output 6 x 4, keys and values 4 x 3 each: 72. Three times 4 x 6 more: 72.
    # One node: 2 x 144 = 288. A pair: q.k and p.v over 2 heads of 3: 4 x 6 = 24. A row: 2 x 4 x 10 = 80.
    assert SHAPE.flops(nodes=1, pairs=0, rows=0) == 2 * 288
    assert SHAPE.flops(nodes=0, pairs=1, rows=0) == 2 * 24
    assert SHAPE.flops(nodes=0, pairs=0, rows=1) == 80
    assert SHAPE.flops(nodes=0, pairs=1, rows=0, attention_weight=2) == 2 * 48


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_counted_as_the_model_has_them(family):
    made = model(family)
    weights = sum(p.numel() for name, p in made.model.named_parameters() if p.ndim == 2 and "embed" not in name)
    assert Shape.of(made.config).flops(nodes=1, pairs=0, rows=0) == 2 * weights


def test_pairs_are_as_counted_by_hand():
    # Nodes 7 8 5 6 | 9 at depths 0 1 2 3 | 2: 1 + 2 + 3 + 4 + 3 visible pairs.
    assert visible_pairs(PAIR) == 13
    assert query_key_pairs("dense", PAIR) == 25
    assert query_key_pairs("segments", PAIR) == 4 * 4 + 1 + 2  # two causal blocks, and 9 against the prompt
    assert query_key_pairs("separate", PAIR) == 16 + 9


def test_the_expected_saving_is_as_counted_by_hand():
    # Separate: 4 + 3 tokens, 10 + 6 pairs, 3 + 2 rows. Trie: 5 nodes, 13 pairs, 4 rows (8 predicts both 5 and 9).
    found = saving([PAIR, PAIR], SHAPE)
    assert (found.separate_tokens, found.tokens, found.token_ratio) == (14, 10, 1.4)
    assert found.flop_ratio == (2 * (7 * 288 + 16 * 24) + 5 * 80) / (2 * (5 * 288 + 13 * 24) + 4 * 80)


def test_the_cheapest_back_end_that_can_is_chosen():
    costs = (Cost("dense", 3.0), Cost("flex", 0.0, "no GPU"), Cost("separate", 9.0))
    found = Estimate(10, 30, 1, costs)
    assert found.chosen == "dense"
    text = found.explain()
    assert "30 tokens in separate passes, 10 in the tree (3.00 to 1), 1 level of branching" in text
    assert "* dense: 1.00 x" in text
    assert "flex: can't: no GPU" in text
    assert "separate: 3.00 x" in text


def test_a_tie_goes_to_the_tree():
    assert Estimate(1, 1, 0, (Cost("separate", 1.0), Cost("segments", 1.0))).chosen == "segments"


def test_segments_win_on_a_cpu():
    prompt = tuple(range(3, 50))
    plan = build_plan([Branch((*prompt, i, i, 2), len(prompt)) for i in range(3, 9)])
    assert estimate(anatomy(model("llama")), plan).chosen == "segments"
