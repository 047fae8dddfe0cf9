"""The bilinear term: learned where an option's meaning depends on its scenario, and left out elsewhere."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from counterpoint.models.encoder import EncoderConfig, EncoderScorer
from counterpoint.models.text_encoder import TextEncoder
from counterpoint.training.branches import Branches
from counterpoint.training.fit import fit
from counterpoint.training.left_out import held_out
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig
from counterpoint.training.situating import situate, strengths
from counterpoint.types import Dilemma, Option
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas, small_scorer, small_text_encoder

ASKS = ("dare", "guard")
"""Whether a yes is the daring answer or the careful one."""


def yes_or_no(count: int, seed: int) -> tuple[Dilemma, ...]:
    """Dilemmas in which the same words serve one pole or the other, as the scenario has it."""
    draw = random.Random(seed)
    dilemmas = []
    for i in range(count):
        ask = draw.choice(ASKS)
        yes, no = ("Risk-taking", "Risk-averse") if ask == "dare" else ("Risk-averse", "Risk-taking")
        options = [Option(f"yes {draw.choice('abcd')}", yes), Option(f"no {draw.choice('abcd')}", no)]
        draw.shuffle(options)
        dilemmas.append(Dilemma(f"y{seed}-{i}", RISK, f"{ask} {ask} {draw.choice('efgh')} {i}", tuple(options)))
    return tuple(dilemmas)


def accuracy(scorer: EncoderScorer, dilemmas: tuple[Dilemma, ...]) -> float:
    poles = TWO_PAIRS.by_name[RISK].poles
    rows = scorer.score(dilemmas, [poles] * len(dilemmas))
    return float(
        np.mean(
            [
                d.options[int(r[i].argmax())].pole == poles[i].name
                for d, r in zip(dilemmas, rows, strict=True)
                for i in (0, 1)
            ]
        )
    )


def fitted(config: EncoderConfig | None = None) -> EncoderScorer:
    scorer = small_scorer(config)
    fit(scorer, yes_or_no(120, 0), TWO_PAIRS, OBJECTIVES.get("pft"), config=FitConfig(calibration_folds=0))
    return scorer


def test_words_whose_meaning_depends_on_the_scenario_are_learned_with_the_term_and_not_without() -> None:
    held_out = yes_or_no(60, 1)
    assert accuracy(fitted(), held_out) > 0.9
    assert accuracy(fitted(EncoderConfig(situated="never")), held_out) < 0.7


def test_where_options_speak_for_themselves_there_is_no_term() -> None:
    dilemmas = made_up_dilemmas(200, seed=3)
    scorer = small_scorer()
    scorer.standardise(dilemmas)
    assert strengths(scorer, dilemmas, TWO_PAIRS) == {}


def test_what_is_scored_is_what_was_trained() -> None:
    dilemmas, scorer = yes_or_no(60, 2), small_scorer()
    scorer.standardise(dilemmas)
    (block,) = situate(scorer, dilemmas, TWO_PAIRS, {RISK: 3.0})
    weight = torch.randn(block.features.shape[1], 2, generator=torch.Generator().manual_seed(0))
    assert scorer.situated is not None
    scorer.situated.bilinear = block.bilinear(weight)
    branches = Branches(scorer, OBJECTIVES.get("pft").examples(dilemmas[0], TWO_PAIRS.by_name[RISK]))
    z = scorer.standardised(branches.frozen)
    own = scorer.situated.scenario_states(scorer.text_encoder, dilemmas[:1]).expand_as(z)
    found = scorer.situated.logits(own, z, len(scorer.poles))
    torch.testing.assert_close(found[:, :2], (block.features @ weight)[:2], atol=1e-4, rtol=1e-4)
    assert not found[:, 2:].any()


def test_an_option_without_a_scenario_is_read_alone() -> None:
    scorer = fitted()
    alone = Dilemma("x", RISK, "", (Option("yes a", "Risk-taking"), Option("no b", "Risk-averse")))
    assert scorer.situated is not None
    assert not scorer.situated.scenario_states(scorer.text_encoder, [alone]).any()


def test_a_saved_term_scores_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))
    scorer, dilemmas = fitted(), yes_or_no(5, 3)
    scorer.save(tmp_path)
    poles = [TWO_PAIRS.by_name[RISK].poles] * 5
    for one, other in zip(
        scorer.score(dilemmas, poles), EncoderScorer.load(tmp_path).score(dilemmas, poles), strict=True
    ):
        assert np.array_equal(one, other)


def test_leaving_a_dilemma_out_by_formula_is_leaving_it_out() -> None:
    draw = np.random.default_rng(0)
    x, group = draw.normal(size=(9, 4)), np.repeat([0, 1, 2], 3)
    sign = draw.choice([-1.0, 1.0], 9)
    centred = np.concatenate([part - part.mean(0) for part in np.split(x, 3)])
    target = np.concatenate([part - part.mean() for part in np.split(sign, 3)])
    slow = {}
    for ridge in (0.3, 1.0, 3.0):
        errors = []
        for g in range(3):
            out = group == g
            w = np.linalg.solve(centred[~out].T @ centred[~out] + ridge * np.eye(4), centred[~out].T @ target[~out])
            errors.append(((centred[out] @ w - target[out]) ** 2).mean())
        slow[ridge] = np.array(errors)
    best = min(slow.values(), key=lambda e: float(e.mean()))
    np.testing.assert_allclose(held_out(x @ x.T, sign, group), best)
