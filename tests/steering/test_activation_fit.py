"""Vectors that steer a model asked for nobody in particular."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from counterpoint.data import toy
from counterpoint.errors import BadInputError
from counterpoint.models.caa_fit import mean_differences
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.prompts import Prompter
from counterpoint.models.steering_hooks import add_to_residual, read_residual
from counterpoint.steering.activation_fit import VectorFit, fit_vectors
from counterpoint.types import Pole, Taxonomy, ValuePair
from small_language import language
from steering.small import PAIRS
from steering.test_adapters_fit import DILEMMAS

ONE = VectorFit(layers=(1,), multipliers=(1.0,))


def test_poles_are_half_the_difference_of_being_asked_for_them():
    made = language()
    vectors = fit_vectors(made, DILEMMAS, PAIRS, config=ONE)
    assert (vectors.layer, vectors.multiplier, vectors.identity) == (1, pytest.approx(1 / 3), "small 0")
    prompter, found = Prompter(made.tokenizer), []
    from counterpoint.data.order import shuffle_options

    for dilemma in (shuffle_options(d, 0) for d in DILEMMAS if d.value_pair == "Tempo"):
        streams = []
        for pole in PAIRS.pairs[0].poles:
            read = prompter.prompt(dilemma, pole) + prompter.letters(dilemma)[0]
            with torch.no_grad(), read_residual(made.model, [1]) as seen:
                made.model(torch.tensor([read]), use_cache=False)
            streams.append(seen[1][0, -1])
        found.append((streams[0] - streams[1]) / 2)
    assert torch.allclose(vectors.by_pair["Tempo"], torch.stack(found).mean(0), atol=1e-5)


def test_answers_are_the_papers_vectors():
    made = language()
    vectors = fit_vectors(made, DILEMMAS, PAIRS, config=VectorFit("answers", (1,), (1.0,)))
    from counterpoint.data.order import shuffle_options

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
    assert told[-1] == (12, 12)  # three layers, four multipliers
    test, scorer = data.dilemmas[300:], LmScorer(tiny)
    means = []
    for v in (-2.0, -1.0, 1.0, 2.0):
        found = []
        for pair in wishes:
            own = [dilemma for dilemma in test if dilemma.value_pair == pair.name]
            offset = v * vectors.multiplier * vectors.by_pair[pair.name]
            with add_to_residual(tiny.model, vectors.layer, offset):
                tables = scorer.score(own, [[None]] * len(own))
            found += [np.exp(t[0][list(d.gold(pair.positive.name))]).sum() for d, t in zip(own, tables, strict=True)]
        means.append(float(np.mean(found)))
    assert means == sorted(means)
    assert means[-1] - means[0] > 0.1
