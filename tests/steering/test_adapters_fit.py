"""Adapters trained to be turned: their targets by hand, and what they do on lm:tiny."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from counterpoint.data import toy
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.prompts import Prompter
from counterpoint.steering import adapters_fit
from counterpoint.steering.adapter_bank import AdapterBank
from counterpoint.steering.adapters_fit import TINY, AdapterTraining, fit_adapters
from counterpoint.steering.turning import target
from counterpoint.types import Dilemma, Option
from small_language import language
from steering.small import PAIRS

TEMPO = PAIRS.pairs[0]
DILEMMAS = tuple(
    Dilemma(str(i), pair.name, f"Day {i}.", tuple(Option(f"{p.name} {i}", p.name) for p in pair.poles))
    for i in range(4)
    for pair in PAIRS
)
QUICK = AdapterTraining(epochs=2, batch=2, learning_rate=1e-2, rank=2, alpha=4)


def test_the_target_moves_what_was_by_the_strength():
    options = (Option("a", "Hare"), Option("b", "Tortoise"), Option("c", "Hare"))
    dilemma = Dilemma("d", "Tempo", "s", options)
    before = torch.tensor([0.5, 0.3, 0.2]).log()
    aim = target(dilemma, TEMPO, before, 1.2)
    # odds of the positive side were 7/3 and are e^1.2 times as high; within the side nothing moves
    odds = (aim[0] + aim[2]) / aim[1]
    assert float(odds) == pytest.approx(7 / 3 * math.exp(1.2), rel=1e-5)
    assert float(aim[0] / aim[2]) == pytest.approx(2.5, rel=1e-5)


def test_training_touches_nothing_and_is_repeated_by_its_seed():
    made = language()
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    steps = []
    one = fit_adapters(made, DILEMMAS, PAIRS, training=QUICK, progress=lambda done, whole: steps.append((done, whole)))
    two = fit_adapters(language(), DILEMMAS, PAIRS, training=QUICK)
    for name, lora in one.loras.items():
        for module, (a, b) in lora.factors.items():
            assert torch.equal(a, two.loras[name].factors[module][0])
            assert torch.equal(b, two.loras[name].factors[module][1])
            assert bool(b.any())
    assert all(torch.equal(value, before[name]) for name, value in made.model.state_dict().items())
    assert not any(module._forward_hooks for module in made.model.modules())
    assert steps == [(i, 8) for i in range(1, 9)]
    other = fit_adapters(language(), DILEMMAS, PAIRS, training=QUICK, seed=1)
    assert not torch.equal(*(next(iter(fitted.loras["Tempo"].factors.values()))[1] for fitted in (one, other)))


@pytest.mark.parametrize("mixed", [True, False])
def test_a_step_teaches_all_adapters_of_its_mix_and_no_other(monkeypatch, mixed):
    monkeypatch.setattr(adapters_fit, "company", lambda others, *_: dict.fromkeys(others, 1.5) if mixed else {})
    made = language()
    fit = adapters_fit._Fit(made, Prompter(made.tokenizer), PAIRS, QUICK, seed=0)
    fit.step(TEMPO, [d for d in DILEMMAS if d.value_pair == "Tempo"][:2], 0.5)
    learnt = {pair.name: any(bool(b.any()) for _, b in fit.lora(pair).factors.values()) for pair in PAIRS}
    assert learnt == {"Tempo": True, "Company": mixed}


def test_what_cannot_be_trained_is_an_error():
    with pytest.raises(BadInputError, match="no dilemma about Company"):
        fit_adapters(language(), DILEMMAS[::2], PAIRS, training=QUICK)
    with pytest.raises(BadInputError, match="no linear layers named nothing"):
        fit_adapters(language(), DILEMMAS, PAIRS, training=AdapterTraining(modules=("nothing",)))
    for wrong in ({"rank": 0}, {"learning_rate": 0.0}, {"reach": 0.0}):
        with pytest.raises(BadInputError, match=next(iter(wrong))):
            AdapterTraining(**wrong)


@pytest.mark.slow
def test_on_lm_tiny_odds_move_as_far_as_they_are_turned():
    tiny, data = LanguageModel.load("lm:tiny"), toy.data_set()
    train, test = data.dilemmas[:240], data.dilemmas[240:]
    adapters = fit_adapters(tiny, train, data.taxonomy, training=TINY)
    bank, scorer = AdapterBank(tiny.model, adapters.loras), LmScorer(tiny)

    def odds(v):
        """Mean log-odds of the positive pole, each pair turned alone on its own dilemmas."""
        found = []
        for pair in data.taxonomy:
            own = [dilemma for dilemma in test if dilemma.value_pair == pair.name]
            with bank.mixed([{pair.name: v}]):
                tables = scorer.score(own, [[None]] * len(own))
            for dilemma, table in zip(own, tables, strict=True):
                sides = [np.logaddexp.reduce(table[0][list(dilemma.gold(pole.name))]) for pole in pair.poles]
                found.append(sides[0] - sides[1])
        return float(np.mean(found))

    plain = odds(0.0)
    shifts = [odds(v) - plain for v in (-2.0, -1.0, 1.0, 2.0)]
    assert shifts == sorted(shifts)
    assert shifts == pytest.approx([-2.0, -1.0, 1.0, 2.0], abs=0.6)
