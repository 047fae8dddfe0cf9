"""The n-gram term: what it was trained as is what is scored, and it knows a word by its stem."""

from __future__ import annotations

import random
from typing import Literal

import numpy as np
import pytest
import torch

from counterpoint.models.encoder import EncoderConfig
from counterpoint.training import spelling as module
from counterpoint.training.fit import fit
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig
from counterpoint.training.spelling import spelling
from counterpoint.types import Dilemma, Option
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas, small_scorer

STEMS = {"Risk-taking": ("gambl", "plung", "wager"), "Risk-averse": ("insur", "shelt", "secur")}


def dilemmas_of(endings: str, count: int, seed: int) -> tuple[Dilemma, ...]:
    """Dilemmas whose options differ in a stem with one of these endings."""
    draw = random.Random(seed)
    dilemmas = []
    for i in range(count):
        texts = {pole: f"{draw.choice(stems)}{draw.choice(endings.split())} it" for pole, stems in STEMS.items()}
        options = [Option(text, pole) for pole, text in texts.items()]
        dilemmas.append(Dilemma(f"{endings}{i}", RISK, f"Scenario {i}.", tuple(draw.sample(options, 2))))
    return tuple(dilemmas)


@pytest.mark.parametrize(("ngrams", "least", "most"), [("auto", 0.95, 1.0), ("never", 0.0, 0.9)])
def test_a_word_is_known_by_its_stem_in_forms_never_seen(
    ngrams: Literal["auto", "never"], least: float, most: float
) -> None:
    scorer = small_scorer(EncoderConfig(ngrams=ngrams))
    config = FitConfig(calibration_folds=0)
    fit(scorer, dilemmas_of("ing ed es", 60, 0), TWO_PAIRS, OBJECTIVES.get("pft"), config=config)
    unseen = dilemmas_of("ation ement able", 60, 1)
    poles = TWO_PAIRS.by_name[RISK].poles
    rows = scorer.score(unseen, [poles] * len(unseen))
    right = [d.options[int(r[0].argmax())].pole == poles[0].name for d, r in zip(unseen, rows, strict=True)]
    assert least <= np.mean(right) <= most


@pytest.mark.parametrize("most", [1500, 20])
def test_what_is_scored_is_what_was_trained(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPTIONS", most)
    monkeypatch.setattr(module, "_strength", lambda *_: 1.5)
    dilemmas, scorer = made_up_dilemmas(60), small_scorer()
    first, second = spelling(scorer, dilemmas, TWO_PAIRS).start(scorer)
    assert len(first.vectors.toarray()) == min(most, len(first.rows)), "those that span the term"
    assert scorer.ngrams is not None
    weight = torch.randn(second.features.shape[1], 2, generator=torch.Generator().manual_seed(0))
    second.give(scorer, weight)
    texts = [option.text for d in dilemmas for option in d.options]
    found = scorer.ngrams.logits(texts)
    torch.testing.assert_close(found[second.rows][:, list(second.columns)], second.features @ weight, atol=1e-4, rtol=0)
    assert not found[:, list(first.columns)].any(), "the other pair was given nothing"


def test_where_spelling_tells_nothing_of_left_out_dilemmas_there_is_no_term() -> None:
    draw = random.Random(3)
    poles = ["Risk-taking", "Risk-averse"]
    noise = [[Option(f"{draw.choice('abc') * 4} {draw.choice('def') * 4} {i}", p) for p in poles] for i in range(80)]
    dilemmas = [Dilemma(f"n{i}", RISK, "", tuple(draw.sample(options, 2))) for i, options in enumerate(noise)]
    scorer = small_scorer()
    fit(scorer, dilemmas, TWO_PAIRS, OBJECTIVES.get("pft"))
    assert scorer.ngrams is None
    fit(scorer, dilemmas[:1], TWO_PAIRS, OBJECTIVES.get("pft"))
    assert scorer.ngrams is None, "no n-gram is in three options"
