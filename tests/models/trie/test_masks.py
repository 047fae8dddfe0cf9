"""The tree as a dense mask and as FlexAttention's rule."""

import torch
from torch.nn.attention.flex_attention import create_block_mask, create_mask

from counterpoint.models.trie import Branch, build_plan
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.backends import flex
from counterpoint.models.trie.masks import additive, by_layer, dense_mask, mask_rule

from .tiny import model, tree


def arrays(plan):
    return torch.from_numpy(plan.end), torch.from_numpy(plan.depth)


def test_the_mask_of_a_pair_is_as_by_hand():
    plan = build_plan([Branch((7, 8, 5, 6, 2), 2), Branch((7, 8, 9, 2), 2)])  # nodes 7 8 5 6 | 9
    expected = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 0, 0, 1]]
    assert dense_mask(*arrays(plan))[0, 0].int().tolist() == expected
    # A window of 2 reaches one token back along the branch: 9 sees 8 (node 1), three nodes before it.
    windowed = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 1, 0, 0, 1]]
    assert dense_mask(*arrays(plan), 2)[0, 0].int().tolist() == windowed


def test_an_additive_mask_is_zero_where_seen_and_the_lowest_number_elsewhere():
    mask = torch.tensor([[[[True, False]]]])
    assert additive(mask, torch.float32).tolist() == [[[[0.0, torch.finfo(torch.float32).min]]]]


def test_families_with_kinds_of_layers_get_a_mask_for_each():
    one = by_layer(anatomy(model("mistral")), lambda window: window)
    several = by_layer(anatomy(model("gemma3")), lambda window: window)
    assert one == 5
    assert several == {"sliding_attention": 5, "full_attention": None}
    assert by_layer(anatomy(model("qwen2", use_sliding_window=False)), lambda window: window) == {
        "full_attention": None
    }


def test_flex_attentions_rule_is_the_dense_mask():
    plan = build_plan(tree(5, length=30))
    for window in (None, 7):
        ours = dense_mask(*arrays(plan), window)
        theirs = create_mask(mask_rule(*arrays(plan), window), None, None, len(plan), len(plan), device="cpu")
        assert (ours == theirs).all()


def test_flex_attention_gets_whole_blocks_whose_padding_sees_itself_alone():
    plan, parts = build_plan(tree(2)), anatomy(model("gemma2"))
    inputs = flex.Flex().inputs(parts, plan)
    assert inputs["input_ids"].shape == inputs["position_ids"].shape == (1, 128)
    mask = inputs["attention_mask"]["full_attention"]
    assert mask.shape == (1, 1, 128, 128)
    dense = create_mask(mask.mask_mod, None, None, 128, 128, device="cpu")[0, 0]
    nodes = len(plan)
    assert (dense[:nodes, :nodes] == dense_mask(*arrays(plan))[0, 0]).all()
    assert (dense[nodes:] == torch.eye(128, dtype=torch.bool)[nodes:]).all()
    assert not dense[:nodes, nodes:].any()


def test_flex_attention_refuses_a_cpu_with_its_reason():
    plan = build_plan(tree(1))
    assert "no backward on cpu" in flex.BACKEND.refuses(anatomy(model("llama")), plan)
    assert callable(create_block_mask)
