"""Vectors that steer a model asked for nobody in particular."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from counterpoint.data import toy
from counterpoint.data.order import shuffle_options
from counterpoint.errors import BadInputError
from counterpoint.models.caa_fit import mean_differences
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.prompts import Prompter
from counterpoint.models.steering_hooks import read_residual
from counterpoint.steering.activation_fit import VectorFit, fit_vectors
from counterpoint.steering.asking import Asked, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.likelihood import options
from counterpoint.steering.steering import Steering
from counterpoint.types import Pole, Taxonomy, ValuePair
from small_language import language
from steering.small import PAIRS
from steering.test_adapters_fit import DILEMMAS

ONE = VectorFit(layers=(1,), multipliers=(1.0,))


def test_poles_are_half_the_difference_of_being_asked_for_them():
    made = language()
    vectors = fit_vectors(made, DILEMMAS, PAIRS, config=ONE)
    assert (vectors.layer, vectors.multiplier, vectors.identity) == (1, pytest.approx(1 / 3), "small 0")
    streams = {pair: _streams(made, pair) for pair in PAIRS}
    positive, negative, _ = streams[PAIRS.pairs[0]].mean(0)
    assert torch.allclose(vectors.by_pair["Tempo"], (positive - negative) / 2, atol=1e-5)
    # n leads from nobody to between the poles, mean over pairs; s is how far along it between the poles is
    between = sum(own[:, :2].mean((0, 1)) for own in streams.values()) / 2
    nobody = sum(own[:, 2].mean(0) for own in streams.values()) / 2
    assert torch.allclose(vectors.somebody, (between - nobody) / (between - nobody).norm(), atol=1e-4)
    assert vectors.level == pytest.approx(float(between @ vectors.somebody), abs=1e-3)


def _streams(made, pair):
    """`[dilemma, (positive, negative, nobody), dim]` after layer 1, where the choice is about to be said."""
    prompter, found = Prompter(made.tokenizer), []
    for dilemma in (shuffle_options(d, 0) for d in DILEMMAS if d.value_pair == pair.name):
        for who in (*pair.poles, None):
            read = prompter.prompt(dilemma, who) + prompter.letters(dilemma)[0]
            with torch.no_grad(), read_residual(made.model, [1]) as seen:
                made.model(torch.tensor([read]), use_cache=False)
            found.append(seen[1][0, -1])
    return torch.stack(found).reshape(-1, 3, 32)


def test_answers_are_the_papers_vectors():
    made = language()
    vectors = fit_vectors(made, DILEMMAS, PAIRS, config=VectorFit("answers", (1,), (1.0,)))
    assert vectors.somebody is None
    expected = mean_differences(LmScorer(made), [shuffle_options(d, 0) for d in DILEMMAS], PAIRS, [1])
    assert torch.allclose(vectors.by_pair["Company"], expected["Company"][0], atol=1e-5)


def test_what_cannot_be_fitted_is_an_error():
    with pytest.raises(BadInputError, match="layer 5"):
        fit_vectors(language(), DILEMMAS, PAIRS, config=VectorFit(layers=(5,)))
    with pytest.raises(BadInputError, match="no dilemma about Company"):
        fit_vectors(language(), DILEMMAS[::2], PAIRS, config=ONE)
    for wrong in ({"multipliers": ()}, {"multipliers": (-1.0,)}, {"held_out": 1.0}, {"reach": 0.0}):
        with pytest.raises(BadInputError):
            VectorFit(**wrong)


def test_on_lm_tiny_every_step_leans_further():
    tiny, told = LanguageModel.load("lm:tiny"), []
    pairs = tuple(
        ValuePair(a.value_pair, *(Pole(kind.pole, f"Leans to the {kind.name}.") for kind in a.properties))
        for a in toy.ATTRIBUTES
    )
    data, wishes = toy.data_set(), Taxonomy("wishes", pairs)
    vectors = fit_vectors(tiny, data.dilemmas[:60], wishes, progress=lambda done, whole: told.append((done, whole)))
    assert told[-1] == (18, 18)  # three layers, six multipliers
    steered = Engine(tiny, wishes, materials={"activation": vectors})
    test, means = data.dilemmas[300:], []
    for v in (-2.0, -1.0, 1.0, 2.0):
        wanted = [Steering(tuple(v * (pair.name == d.value_pair) for pair in wishes)) for d in test]
        tables = options(steered, [Request(Asked(d), s, "activation") for d, s in zip(test, wanted, strict=True)])
        gold = [list(d.gold(wishes.by_name[d.value_pair].positive.name)) for d in test]
        means.append(float(np.mean([np.exp(t[g]).sum() for t, g in zip(tables, gold, strict=True)])))
    assert means == sorted(means)
    assert means[-1] - means[0] > 0.4  # with nobody in particular left in the stream: 0.1
