"""Choosing, checking and falling back."""

import logging

import pytest
import torch

from counterpoint.errors import UnknownNameError
from counterpoint.models.trie import Branch, TreeMismatchError, TrieEngine, UnsupportedModelError, build_plan, log_probs
from counterpoint.models.trie.backends import segments

from .tiny import model, tree


@pytest.fixture
def wrong_segments(monkeypatch):
    right = segments.Segments.token_log_probs
    monkeypatch.setattr(segments.Segments, "token_log_probs", lambda *a: right(*a) + 0.5)


def test_the_engine_checks_a_back_end_once(monkeypatch):
    asked = []
    monkeypatch.setattr("counterpoint.models.trie.engine.check", _spy(asked))
    engine, plan = TrieEngine(model("llama")), build_plan(tree(2))
    for _ in range(3):
        engine.log_probs(plan)
    assert len(asked) == 1


def test_what_a_first_plan_did_not_have_is_checked_later(monkeypatch):
    asked = []
    monkeypatch.setattr("counterpoint.models.trie.engine.check", _spy(asked))
    engine = TrieEngine(model("mistral"))
    alone, short, long = tree(0, length=1), [Branch((1, 5, 2), 1), Branch((1, 6, 2), 1)], tree(2, length=9)
    for branches, checks in ((alone, 1), (alone, 1), (short, 2), (long, 3), (long, 3), (short, 3)):
        engine.log_probs(build_plan(branches))
        assert len(asked) == checks


def _spy(asked):
    from counterpoint.models.trie.check import check

    def spied(*arguments):
        asked.append(arguments)
        return check(*arguments)

    return spied


@pytest.mark.usefixtures("wrong_segments")
def test_a_wrong_back_end_is_left_for_good_with_a_warning(caplog):
    made, plan = model("llama"), build_plan(tree(2))
    engine = TrieEngine(made, backend="segments")
    for _ in range(2):
        found = engine.log_probs(plan)
        torch.testing.assert_close(found.sums, log_probs(made, plan, backend="separate").sums)
    assert caplog.text.count("computing every branch on its own") == 1
    assert "0.5 nats" in engine.fallbacks["segments"]


@pytest.mark.usefixtures("wrong_segments")
def test_a_strict_engine_raises_instead():
    with pytest.raises(TreeMismatchError, match="segments differs"):
        TrieEngine(model("llama"), backend="segments", strict=True).log_probs(build_plan(tree(2)))


def test_an_unknown_back_end_is_an_error_at_once():
    with pytest.raises(UnknownNameError, match="Did you mean 'segments'"):
        TrieEngine(model("llama"), backend="segment")


def test_an_explicit_back_end_that_cannot_run_says_why():
    with pytest.raises(UnsupportedModelError, match="CUDA"):
        TrieEngine(model("llama"), backend="flex").log_probs(build_plan(tree(1)))


def test_the_choice_explains_itself_once(caplog):
    engine, plan = TrieEngine(model("llama")), build_plan(tree(3, length=40))
    with caplog.at_level(logging.INFO, "counterpoint"):
        assert [engine.choose(plan) for _ in range(3)] == ["segments"] * 3
    assert caplog.text.count("* segments") == 1
    assert "tokens in separate passes" in caplog.text


def test_gradients_flow_through_the_engine():
    made = model("llama")
    (-TrieEngine(made).log_probs(build_plan(tree(2))).means.sum()).backward()
    assert all(parameter.grad is not None for parameter in made.parameters())
