"""The language model as a scorer, against plain transformers one sequence at a time."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from scipy.special import logsumexp

from counterpoint.data import taxonomy
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmReading, LmScorer
from counterpoint.models.prompts import PromptConfig, Prompter
from counterpoint.models.trie import UnsupportedModelError
from counterpoint.types import Dilemma, Option, Pole
from small_language import DILEMMA, language, randomised

VCD = taxonomy("vcd")
RISK = VCD.by_name[DILEMMA.value_pair].poles
SHORT = Dilemma("s", "Time Preference", "Cake or savings?", (Option("Cake", "p", "Now."), Option("Savings", "q")))
DILEMMAS = [DILEMMA, SHORT]
POLES: list[tuple[Pole | None, ...]] = [(*RISK, None), VCD.poles]
KINDS = ("letters", "answers", "answers_per_token")


@pytest.fixture(scope="module")
def adapted() -> LanguageModel:
    made = language()
    made.add_adapter()
    randomised(made.model)
    return made


def oracle(
    model: LanguageModel, kind: str, dilemma: Dilemma, pole: Pole | None, *, config: PromptConfig
) -> list[float]:
    """Each option on its own: a forward pass over its whole sequence, log-softmax, sum over the reply."""
    prompter = Prompter(model.tokenizer, config)
    values = []
    for i in range(len(dilemma.options)):
        prompt = prompter.prompt(dilemma, pole)
        reply = prompter.response(dilemma, i)
        if kind == "letters":
            before = len(model.tokenizer('{"choice": "')["input_ids"])
            prompt, reply = prompt + reply[:before], reply[before : before + 1]
        with torch.no_grad():
            logp = model.model(torch.tensor([prompt + reply])).logits[0].double().log_softmax(-1)
        tokens = [float(logp[len(prompt) - 1 + j, token]) for j, token in enumerate(reply)]
        values.append(math.fsum(tokens) / (len(tokens) if kind == "answers_per_token" else 1))
    return [value - float(logsumexp(values)) for value in values]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["scenario_first", "pole_first"])
def test_scores_are_those_of_separate_passes_of_plain_transformers(
    adapted: LanguageModel, kind: Any, layout: Any
) -> None:
    config = PromptConfig(layout=layout)
    found = LmScorer(adapted, LmReading(kind), config).score(DILEMMAS, POLES)
    for scores, dilemma, asked in zip(found, DILEMMAS, POLES, strict=True):
        assert scores.shape == (len(asked), len(dilemma.options))
        assert scores.dtype == np.float32
        expected = [oracle(adapted, kind, dilemma, pole, config=config) for pole in asked]
        np.testing.assert_allclose(scores, expected, atol=2e-4)
        assert np.ptp(scores) > 0.01  # random weights do tell options apart


def test_a_letter_as_the_whole_reply_is_read_right_after_the_prompt(adapted: LanguageModel) -> None:
    (found,) = LmScorer(adapted, LmReading(form="letter")).score([DILEMMA], [RISK[:1]])
    prompt = Prompter(adapted.tokenizer).prompt(DILEMMA, RISK[0], form="letter")
    with torch.no_grad():
        logits = adapted.model(torch.tensor([prompt])).logits[0, -1]
    letters = [adapted.tokenizer.convert_tokens_to_ids(letter) for letter in "ABC"]
    np.testing.assert_allclose(found[0], logits[letters].log_softmax(-1), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_budget_of_nodes_and_the_neighbours_change_nothing(adapted: LanguageModel, kind: Any) -> None:
    together = LmScorer(adapted, LmReading(kind)).score(DILEMMAS, POLES)
    cut = LmScorer(adapted, LmReading(kind, max_nodes=400)).score(DILEMMAS[::-1], POLES[::-1])[::-1]
    alone = [LmScorer(adapted, LmReading(kind)).score([d], [p])[0] for d, p in zip(DILEMMAS, POLES, strict=True)]
    for a, b, c in zip(together, cut, alone, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
        np.testing.assert_allclose(a, c, atol=1e-4)


def test_all_poles_and_options_of_a_dilemma_are_one_forward_pass(
    adapted: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = LmScorer(adapted)
    scorer.score([SHORT], [VCD.poles])  # the check against separate passes is over
    calls = []
    decoder = adapted.model.get_base_model().model
    forward = decoder.forward
    monkeypatch.setattr(decoder, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    (scores,) = scorer.score([SHORT], [VCD.poles])
    assert scores.shape == (12, 2)
    assert len(calls) == 1


def test_scoring_leaves_the_model_as_it_was_and_ignores_its_mode(adapted: LanguageModel) -> None:
    scorer = LmScorer(adapted)
    expected = scorer.score([DILEMMA], [RISK])[0]
    before = {name: p.clone() for name, p in adapted.model.named_parameters()}
    adapted.model.train()  # LoRA dropout is 0.05
    adapted.model.get_base_model().model.layers[0].eval()
    modes = [module.training for module in adapted.model.modules()]
    try:
        found = scorer.score([DILEMMA], [RISK])[0]
        assert [module.training for module in adapted.model.modules()] == modes
    finally:
        adapted.model.eval()
    np.testing.assert_array_equal(found, expected)
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in adapted.model.named_parameters())


def test_nothing_asked_gives_nothing(adapted: LanguageModel) -> None:
    scorer = LmScorer(adapted)
    assert scorer.score([], []) == []
    empty, full = scorer.score([DILEMMA, SHORT], [[], VCD.poles[:1]])
    assert (empty.shape, full.shape) == ((0, 3), (1, 2))


def test_it_scores_with_the_adapter_that_the_model_has_now() -> None:
    made = language(seed=3)
    scorer = LmScorer(made)
    base = scorer.score([DILEMMA], [RISK])[0]
    made.add_adapter()
    np.testing.assert_array_equal(scorer.score([DILEMMA], [RISK])[0], base)
    randomised(made.model)
    changed = scorer.score([DILEMMA], [RISK])[0]
    assert not np.allclose(changed, base)
    with made.without_adapter():
        np.testing.assert_array_equal(scorer.score([DILEMMA], [RISK])[0], base)
    made.remove_adapter()
    np.testing.assert_array_equal(scorer.score([DILEMMA], [RISK])[0], base)


def test_progress_adds_up_to_all_branches(adapted: LanguageModel) -> None:
    told: list[int] = []
    LmScorer(adapted, LmReading(max_nodes=400)).score(DILEMMAS, POLES, progress=told.append)
    assert sum(told) == 3 * 3 + 12 * 2
    assert len(told) > 1


def test_a_family_whose_trees_are_untested_is_scored_branch_by_branch_aloud(caplog: pytest.LogCaptureFixture) -> None:
    made = language()
    config = transformers.GPT2Config(vocab_size=400, n_embd=16, n_layer=1, n_head=2, n_positions=600)
    torch.manual_seed(0)
    gpt2 = LanguageModel("lm:other", transformers.AutoModelForCausalLM.from_config(config).eval(), made.tokenizer)
    with caplog.at_level(logging.WARNING):
        found = LmScorer(gpt2).score([SHORT], [VCD.poles[:2]])[0]
    assert "on its own" in caplog.text
    expected = [oracle(gpt2, "letters", SHORT, pole, config=PromptConfig()) for pole in VCD.poles[:2]]
    np.testing.assert_allclose(found, expected, atol=2e-4)
    with pytest.raises(UnsupportedModelError, match="gpt2"):
        LmScorer(gpt2, LmReading(backend="segments")).score([SHORT], [VCD.poles[:2]])


@pytest.mark.parametrize("with_adapter", [True, False])
def test_saved_and_loaded_it_scores_bit_identically(tmp_path: Path, with_adapter: bool) -> None:
    base = language(folder=tmp_path / "base")
    if with_adapter:
        base.add_adapter()
        randomised(base.model)
    scorer = LmScorer(base, LmReading("answers", max_nodes=500), PromptConfig(layout="pole_first"))
    scorer.save(tmp_path / "saved")
    again = LmScorer.load(tmp_path / "saved")
    for found, expected in zip(again.score(DILEMMAS, POLES), scorer.score(DILEMMAS, POLES), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert again.describe() == scorer.describe()
    shared = LmScorer.load(tmp_path / "saved", language=LanguageModel.load(f"lm:{tmp_path / 'base'}"))
    np.testing.assert_array_equal(shared.score([SHORT], [RISK])[0], scorer.score([SHORT], [RISK])[0])


def test_a_folder_that_holds_no_scorer_or_one_of_another_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="not a saved scorer"):
        LmScorer.load(tmp_path)
    (tmp_path / "scorer.json").write_text(json.dumps({"format": "counterpoint.encoder/3"}))
    with pytest.raises(BadInputError, match="expected 'counterpoint"):
        LmScorer.load(tmp_path)
    LmScorer(language(seed=1)).save(tmp_path)
    with pytest.raises(BadInputError, match="of base small 1, here is small 0"):
        LmScorer.load(tmp_path, language=language(seed=0))


def test_an_unknown_reading_is_refused() -> None:
    with pytest.raises(BadInputError, match="letters, answers"):
        LmScorer(language(), LmReading("words"))  # type: ignore[arg-type]
