"""The benchmark's rivals compute what separate passes compute."""

import math
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """The benchmark's modules by name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name == "trie" or name.startswith("trie_")]:
        del sys.modules[name]


@pytest.fixture
def square():
    """A tokenizer, and a DPO work on one dilemma with its model."""
    from trie_rivals import Texts
    from trie_works import build, works

    texts = Texts("crossroads", 400)
    work = next(work for work in works(texts, 1, ["XS"]) if work.loss == "dpo")
    return texts.tokenizer, work, build(work, texts.tokenizer.get_vocab_size(), "cpu", torch.float32)


def test_packed_sequences_give_what_separate_passes_give(square):
    from trie_gpu import packed
    from trie_rivals import exact

    _, work, model = square
    with torch.no_grad():
        got, expected = (torch.cat(method(model, work.examples[0])) for method in (_under_sdpa(packed), exact))
    assert torch.allclose(got, expected, atol=2e-5)


def test_trls_own_step_gives_our_loss_and_gradient(square):
    pytest.importorskip("trl", reason="a rival of the benchmark, in the extra `bench`")
    from trie_measure import BETA, OwnStep, outcome
    from trie_rivals import exact
    from trie_trl import TrlStep

    tokenizer, work, model = square
    expected, scores, gradient = outcome(OwnStep(work, model, exact), work.examples[0])
    theirs = TrlStep(model, tokenizer, beta=BETA)
    loss, their_scores, their_gradient = outcome(theirs, work.examples[0])
    assert loss == pytest.approx(expected, abs=1e-5)
    assert torch.allclose(their_scores, scores, atol=2e-5)
    assert float((their_gradient - gradient).norm() / gradient.norm()) < 1e-3
    assert abs(loss - math.log(2)) > 1e-6, "an adapter that changes nothing would hide a wrong reference"


def test_what_cannot_run_here_is_skipped_with_a_reason():
    from trie_gpu import METHODS, skipped

    assert {skipped(name, "cpu", torch.float32) for name in METHODS} == {"needs CUDA"}


def _under_sdpa(packed):
    return lambda model, branches: packed(model, branches, attention="sdpa")
