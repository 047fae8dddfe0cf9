"""Tree attention in rectangles on the fused kernel, against the definition: softmax over the visible keys."""

import pytest
import torch

from counterpoint.models.trie import build_plan, flash, gathered
from counterpoint.models.trie.attention import Tree
from counterpoint.models.trie.masks import dense_mask

from .tiny import tree

PLAN = build_plan(tree(4, length=9) + tree(2, length=5, seed=7))


def tensors(dtype, *, key_heads=2):
    torch.manual_seed(0)
    shapes = [(1, 4, len(PLAN), 8), (1, key_heads, len(PLAN), 8), (1, key_heads, len(PLAN), 8)]
    return [torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in shapes]


def by_definition(query, key, value, window, softcap=None, scale=0.5):
    groups = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(groups, 1) for x in (key, value))
    scores = query @ key.transpose(-1, -2) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    mask = dense_mask(torch.from_numpy(PLAN.end), torch.from_numpy(PLAN.depth), window)
    return scores.masked_fill(~mask, -torch.inf).softmax(-1) @ value


def assert_same(found, expected, inputs, tolerance):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)
    torch.manual_seed(1)
    weight = torch.randn_like(expected)
    ours = torch.autograd.grad((found * weight).sum(), inputs)
    theirs = torch.autograd.grad((expected * weight).sum(), inputs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=10 * tolerance, rtol=0)


@pytest.mark.parametrize("window", [None, 1, 4, 11, 1000])
@pytest.mark.parametrize("key_heads", [1, 2, 4])
def test_the_fused_pieces_give_attention_and_its_gradient(window, key_heads):
    inputs = tensors(torch.float64, key_heads=key_heads)
    found = Tree(PLAN).attend(*inputs, scale=0.5, window=window, softcap=None)
    assert_same(found, by_definition(*inputs, window), inputs, 1e-12)


@pytest.mark.parametrize("softcap", [None, 0.7])
@pytest.mark.parametrize("window", [None, 1, 4])
def test_gathered_keys_give_attention_and_its_gradient(window, softcap):
    inputs = tensors(torch.float32)
    found = gathered.attend(*inputs, gathered.key_ranges(PLAN), scale=0.5, window=window, softcap=softcap)
    assert_same(found, by_definition(*inputs, window, softcap), inputs, 2e-6)


def test_heads_are_repeated_where_the_kernel_cannot_share_them(monkeypatch):
    monkeypatch.setattr(flash, "_shares_heads", lambda: False)
    inputs = tensors(torch.float64)
    found = Tree(PLAN).attend(*inputs, scale=0.5, window=None, softcap=None)
    assert_same(found, by_definition(*inputs, None), inputs, 1e-12)


def test_bfloat16_is_as_close_as_its_own_rounding():
    inputs = [x.detach() for x in tensors(torch.bfloat16)]
    found = Tree(PLAN).attend(*inputs, scale=0.5, window=None, softcap=None)
    expected = by_definition(*(x.float() for x in inputs), None)
    assert found.dtype == torch.bfloat16
    assert (found.float() - expected).abs().max() < 0.03


def test_a_part_in_which_a_query_sees_nothing_leaves_no_trace():
    query, key, value = (x.detach()[:, :2, :2] for x in tensors(torch.float32, key_heads=2))
    hidden = torch.full((2, 2), flash.HIDDEN)
    diagonal = torch.zeros(2, 2).masked_fill(~torch.eye(2, dtype=torch.bool), flash.HIDDEN)
    pieces = [flash.Piece(0, 2, 0, 2, diagonal), flash.Piece(0, 2, 0, 2, hidden)]
    torch.testing.assert_close(flash.attend(query, key, value, pieces, 1.0), value)
