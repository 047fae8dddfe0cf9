"""Ways in which a tree goes wrong without an error, each put back here: the numbers and the check must show it.

Where all is well the difference is about 1e-6 nats; every one of these is larger by orders of magnitude.
"""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch
from transformers import AttentionInterface

from counterpoint.models.trie import TrieEngine, attention, build_plan, log_probs, tree_attention
from counterpoint.models.trie.anatomy import Anatomy, anatomy
from counterpoint.models.trie.backends import dense, segments
from counterpoint.models.trie.check import check

from .tiny import WINDOWED, checkpointed, difference, gradient, model, pair, relative, tree

SEEN = 0.02  # nats; rounding is below 2e-5


def changed(backend, change):
    """The back end's inputs with something done to them."""
    right = backend.inputs

    def wrong(self, *arguments):
        return change(dict(right(self, *arguments)))

    return wrong


def without_positions(inputs):
    return {**inputs, "position_ids": None}


def mask_of_none(inputs):
    return {**inputs, "attention_mask": None}


def two_dimensional_ones(inputs):
    return {**inputs, "attention_mask": torch.ones_like(inputs["input_ids"])}


def float_zero_and_one(inputs):
    return {**inputs, "attention_mask": inputs["attention_mask"].float()}


DENSE = {
    "no position ids": (dense.Dense, "inputs", changed(dense.Dense, without_positions)),
    "no mask, positions by depth: taken for packed documents": (
        dense.Dense,
        "inputs",
        changed(dense.Dense, mask_of_none),
    ),
    "a two-dimensional mask of ones": (dense.Dense, "inputs", changed(dense.Dense, two_dimensional_ones)),
    "a float mask of 0 and 1": (dense.Dense, "inputs", changed(dense.Dense, float_zero_and_one)),
    "a bool mask under eager attention": (dense, "plain_attention", lambda c, _: attention.plain_attention(c, "eager")),
}
SEGMENTS = {
    "no position ids": (segments.Segments, "inputs", changed(segments.Segments, without_positions)),
    "an all-ones mask in place of ours": (
        attention.Tree,
        "attend",
        lambda self, q, k, v, *, scale, window, softcap: torch.nn.functional.scaled_dot_product_attention(  # noqa: ARG005
            q, k, v, scale=scale, is_causal=True, enable_gqa=True
        ),
    ),
}


def assert_seen(made, plan, backend, caplog):
    """The numbers are off, the check says so, and the engine falls back aloud to the right ones."""
    assert difference(made, plan, backend) > SEEN
    caplog.clear()
    with caplog.at_level(logging.WARNING, "counterpoint"):
        engine = TrieEngine(made, backend=backend)
        found = engine.log_probs(plan)
    assert "computing every branch on its own" in caplog.text
    assert backend in engine.fallbacks
    torch.testing.assert_close(found.tokens, log_probs(made, plan, backend="separate").tokens)


@pytest.mark.parametrize("name", DENSE)
def test_a_wrong_dense_mask_is_seen(name, monkeypatch, caplog):
    made, plan = model("llama"), build_plan(tree(2))
    assert difference(made, plan, "dense") < 2e-5
    monkeypatch.setattr(*DENSE[name])
    assert_seen(made, plan, "dense", caplog)


@pytest.mark.parametrize("name", SEGMENTS)
def test_wrong_segments_are_seen(name, monkeypatch, caplog):
    made, plan = model("llama"), build_plan(tree(2))
    assert difference(made, plan, "segments") < 2e-5
    monkeypatch.setattr(*SEGMENTS[name])
    assert_seen(made, plan, "segments", caplog)


def test_a_tree_lost_on_its_way_fails_aloud_under_sdpa_and_is_seen_under_eager(monkeypatch, caplog):
    plan = build_plan(tree(2))
    monkeypatch.setattr(
        segments.Segments, "inputs", changed(segments.Segments, lambda inputs: {**inputs, "trie": None})
    )
    with pytest.raises(RuntimeError, match="attn_mask dtype"):
        log_probs(model("llama"), plan)
    assert_seen(model("gemma2"), plan, "segments", caplog)


@pytest.mark.parametrize("family", WINDOWED)
def test_a_window_that_is_not_applied_is_seen(family, monkeypatch, caplog):
    made, plan = model(family), build_plan(pair())
    monkeypatch.setattr(Anatomy, "window", property(lambda self: None))  # noqa: ARG005
    assert_seen(made, plan, "dense", caplog)
    right = attention.Tree.attend
    monkeypatch.setattr(attention.Tree, "attend", lambda *a, **k: right(*a, **{**k, "window": None}))
    assert_seen(made, plan, "segments", caplog)


@pytest.mark.parametrize("family", WINDOWED)
def test_a_window_over_node_numbers_instead_of_depth_is_seen(family, monkeypatch, caplog):
    made, plan = model(family), build_plan(pair())
    right = dense.dense_mask
    monkeypatch.setattr(dense, "dense_mask", lambda end, depth, window: right(end, torch.arange(len(depth)), window))
    assert_seen(made, plan, "dense", caplog)


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "gemma2", "gemma3"])
def test_one_mask_for_all_kinds_of_layers_is_seen(family, monkeypatch, caplog):
    made, plan = model(family), build_plan(pair())
    monkeypatch.setattr(dense, "by_layer", lambda parts, make: make(None))  # noqa: ARG005
    assert_seen(made, plan, "dense", caplog)


def test_a_soft_cap_left_out_of_the_attention_is_seen(monkeypatch, caplog):
    made, plan = model("gemma2"), build_plan(tree(2))
    right = attention.Tree.attend
    monkeypatch.setattr(attention.Tree, "attend", lambda *a, **k: right(*a, **{**k, "softcap": None}))
    assert_seen(made, plan, "segments", caplog)


def test_gemma_2_under_sdpa_fails_aloud_and_falls_back(monkeypatch, caplog):
    made, plan = model("gemma2"), build_plan(tree(2))
    monkeypatch.setattr(dense.Dense, "attention", lambda self, parts: "sdpa")  # noqa: ARG005
    engine = TrieEngine(made, backend="dense")
    found = engine.log_probs(plan)
    assert "softcap" in engine.fallbacks["dense"]
    assert "computing every branch on its own" in caplog.text
    torch.testing.assert_close(found.tokens, log_probs(made, plan, backend="separate").tokens)


def test_a_soft_cap_left_out_of_the_logits_is_seen(monkeypatch, caplog):
    made, plan = model("gemma2"), build_plan(tree(2))
    monkeypatch.setattr(Anatomy, "final_softcap", property(lambda self: None))  # noqa: ARG005
    assert_seen(made, plan, "segments", caplog)


def predicted_by_the_node_before(plan):
    """The plan with the first token of every later branch read from the node before it, not from its parent."""
    heads = {(int(plan.parent[a]), int(plan.tokens[a])): a - 1 for a, _ in plan.runs if plan.parent[a] >= 0}
    old = plan.rows[plan.edge_row]
    wrong = np.array([heads.get((int(p), int(t)), p) for p, t in zip(old, plan.edge_token, strict=True)])
    order = np.argsort(wrong, kind="stable")
    rows, edge_row = np.unique(wrong[order], return_inverse=True)
    place = np.argsort(order)
    return dataclasses.replace(
        plan, rows=rows, edge_row=edge_row, edge_token=plan.edge_token[order], token_edge=place[plan.token_edge]
    )


@pytest.mark.parametrize("backend", ["segments", "dense"])
def test_a_token_predicted_by_the_node_before_it_is_seen(backend, caplog):
    made, plan = model("llama"), predicted_by_the_node_before(build_plan(tree(2)))
    assert_seen(made, plan, backend, caplog)


def test_counting_nodes_instead_of_tokens_changes_a_mean():
    made = model("llama")
    once, merged = build_plan(pair()[:1]), build_plan(pair()[:1] * 3)
    right, means = log_probs(made, once).means, log_probs(made, merged).means
    torch.testing.assert_close(means, right.expand(3))
    edges = len(merged.edge_token) / 3  # what a count of edges would give each of the three branches
    assert (log_probs(made, merged).sums / edges - right).abs().min() > SEEN


def test_lora_dropout_in_training_is_shared_noise_and_the_check_looks_past_it():
    made, plan = model("llama", lora=True, lora_dropout=0.5), build_plan(tree(2))
    assert difference(made, plan, "segments") < 2e-5
    made.train()
    assert difference(made, plan, "segments") > SEEN
    engine = TrieEngine(made, strict=True)
    engine.log_probs(plan)
    assert made.training
    assert all(module.training for module in made.modules())


def test_the_decoder_is_never_asked_for_a_cache():
    made = model("llama")
    parts, plan = anatomy(made), build_plan(tree(1))
    assert made.config.use_cache
    assert segments.BACKEND.inputs(parts, plan)["use_cache"] is False
    assert dense.BACKEND.inputs(parts, plan, 0, len(plan))["use_cache"] is False


def test_recomputing_layers_on_the_models_own_attention_gives_wrong_gradients(monkeypatch):
    made, plan = model("gemma2"), build_plan(tree(3))
    expected = gradient(made, log_probs(made, plan, backend="separate"))
    checkpointed(made, reentrant=True)  # the other kind raises, and so does sdpa
    monkeypatch.setattr(segments.Segments, "refuses", lambda *_: "")
    wrong = gradient(made, log_probs(made, plan))  # forward in the tree, recomputed without
    assert relative(wrong, expected) > 0.01
    with tree_attention(made.config):
        assert relative(gradient(made, log_probs(made, plan)), expected) < 5e-6


@pytest.mark.parametrize("backend", ["segments", "dense"])
def test_flash_attention_is_never_given_a_tree(backend, monkeypatch):
    def flash(*_, **__):
        raise AssertionError("FlashAttention takes no tree mask")

    made, plan = model("llama"), build_plan(tree(2))
    expected = log_probs(made, plan, backend="separate").tokens
    monkeypatch.setitem(AttentionInterface._global_mapping, "flash_attention_2", flash)
    made.config._attn_implementation = "flash_attention_2"
    torch.testing.assert_close(log_probs(made, plan, backend=backend).tokens, expected, atol=2e-5, rtol=0)


def test_another_librarys_patched_attention_is_seen(monkeypatch, caplog):
    def patched(module, query, key, value, attention_mask, scaling=None, **_):
        """Takes every sequence for causal and drops the mask, as a faster kernel might."""
        del module, attention_mask
        out = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, scale=scaling, is_causal=True, enable_gqa=True
        )
        return out.transpose(1, 2).contiguous(), None

    made, plan = model("llama"), build_plan(tree(2))
    monkeypatch.setitem(AttentionInterface._global_mapping, "sdpa", patched)
    assert_seen(made, plan, "dense", caplog)
    assert difference(made, plan, "segments") < 2e-5  # ours doesn't go through it


def test_a_nan_never_passes_the_check(monkeypatch):
    made, plan = model("llama"), build_plan(tree(1))
    right = segments.Segments.token_log_probs
    monkeypatch.setattr(segments.Segments, "token_log_probs", lambda *a: right(*a) * torch.nan)
    assert not check(segments.BACKEND, anatomy(made), plan).passed
