"""The poles' distributions mixed, against probabilities computed apart in float64."""

from __future__ import annotations

import pytest
import torch

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import Asked, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import Draft
from counterpoint.steering.methods.mixture import METHOD, Mixture
from counterpoint.steering.steering import Steering, nothing
from small_language import language
from steering.small import DILEMMA, GREEDY, PAIRS, TALK, engine

HARE, TORTOISE = PAIRS.pairs[0].poles


def voices(steering, material=None):
    made = engine()
    return [(v.who and v.who.name, v.weight) for v in METHOD.open(made, material).draft(Draft(TALK), steering).voices]


def test_rows_are_the_base_and_two_for_each_active_pair():
    assert voices(Steering((1.5, 0.0))) == [(None, 1.0), ("Hare", 0.75), ("Tortoise", -0.75)]
    assert voices(Steering((-1.0, 2.0))) == [
        *[(None, 1.0), ("Hare", -0.5), ("Tortoise", 0.5)],
        *[("Bee", 1.0), ("Cat", -1.0)],
    ]


def test_without_the_base_the_poles_mean_stands_in_its_place():
    poles = Mixture(centre="poles")
    assert voices(Steering((0.5, 0.0)), poles) == [("Hare", 0.75), ("Tortoise", 0.25)]
    assert voices(Steering((1.0, 0.0)), poles) == [("Hare", 1.0)]
    assert voices(Steering((-1.0, 0.0)), poles) == [("Tortoise", 1.0)]
    # two pairs: 1/4 each, and v/2 to either side
    assert voices(Steering((1.0, -0.5)), poles) == [("Hare", 0.75), ("Tortoise", -0.25), ("Cat", 0.5)]


@pytest.mark.parametrize("vector", [(2.0, 0.0), (-1.0, 1.5)])
def test_every_token_is_the_likeliest_of_the_mixed_distribution(vector):
    made = engine()
    request = Request(Asked(DILEMMA), Steering(vector), "mixture", GREEDY)
    (reply,) = made.answer([request])
    weights = [(None, 1.0)]
    for pair, v in zip(PAIRS, vector, strict=True):
        weights += [(pair.positive, v / 2), (pair.negative, -v / 2)]
    model = made.language.model.double()
    for place, token in enumerate(reply.tokens):
        mix = torch.zeros(400, dtype=torch.float64)
        for who, weight in weights:
            read = torch.tensor([[*made.prompting.ids(request.ask, who), *reply.tokens[:place]]])
            with torch.no_grad():
                mix += weight * model(read, use_cache=False).logits[0, -1].log_softmax(-1)
        assert int(mix.argmax()) == token


def test_a_single_pole_is_the_model_asked_for_it():
    made = language()
    steered = Engine(made, PAIRS, materials={"mixture": Mixture(centre="poles")})
    (one,) = steered.answer([Request(TALK, Steering((1.0, 0.0)), "mixture", GREEDY)])
    from counterpoint.steering.asking import answered_by

    (asked,) = steered.answer([Request(answered_by(TALK, HARE), nothing(PAIRS), "base", GREEDY)])
    assert one.tokens == asked.tokens


def test_poles_share_their_prompt():
    made, read = engine(), []
    made.method("mixture")
    made.answer([Request(TALK, Steering((1.0, 1.0)), "mixture", GREEDY)])  # checks of what is first
    embed = made.language.model.get_input_embeddings()
    handle = embed.register_forward_pre_hook(lambda _, args: read.append(args[0].numel()))
    made.answer([Request(TALK, Steering((1.0, 1.0)), "mixture", GREEDY)])
    handle.remove()
    prompts = [made.prompting.ids(TALK, who) for who in (None, *PAIRS.poles)]
    assert read[0] == len({prompt[:end] for prompt in prompts for end in range(1, len(prompt))})
    assert read[1:] == [5] * GREEDY.max_new_tokens


def test_what_is_not_its_settings_is_an_error():
    with pytest.raises(BadInputError, match="mixture was given str"):
        METHOD.open(engine(), "poles")
