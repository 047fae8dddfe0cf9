"""What holds for every way to steer, on a random model: zero is the base, a batch changes nothing, all is undone."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from itertools import combinations

import pytest
import torch

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import BASE, Request
from counterpoint.steering.method import METHODS, Choosing, Draft, Drafting
from counterpoint.steering.steering import Steering, nothing
from steering.small import GREEDY, PAIRS, TALK, asks, engine, requests

NAMES = METHODS.names()
every_method = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def made():
    return engine()


def tokens(replies):
    return [reply.tokens for reply in replies]


def test_the_methods_promised_are_there():
    assert {"instruction", "mixture", "activation", "adapters", "rerank", "neighbourhood"} <= set(NAMES)


@every_method
def test_it_says_what_it_needs_and_opens_as_that(made, name):
    method = METHODS.get(name)
    kind = {"prompt": Drafting, "model": Drafting, "candidates": Choosing}[method.needs]
    assert isinstance(made.method(name), kind)
    assert method.composes_with <= set(NAMES) - {name}
    text = inspect.getdoc(importlib.import_module(f"{METHODS.package}.{name}"))
    assert "Worked example" in text
    assert "arXiv" in text


@every_method
def test_no_steering_is_the_base_alone_and_beside_steered_rows(made, name):
    plain = [Request(ask, nothing(PAIRS), BASE, GREEDY) for ask in asks(6)]
    expected = tokens(made.answer(plain))
    by_name = [replace(request, method=name) for request in plain]
    assert tokens(made.answer(by_name)) == expected
    assert all(reply.method == BASE for reply in made.answer(by_name))
    steered = [replace(request, steering=Steering((3.0, -3.0))) for request in by_name]
    assert tokens(made.answer([*steered, *by_name]))[6:] == expected


@every_method
def test_what_is_said_depends_on_the_side_steered_to(made, name):
    there, back = ([Request(ask, Steering((v, 0.0)), name, GREEDY) for ask in asks(6)] for v in (3.0, -3.0))
    assert tokens(made.answer(there)) != tokens(made.answer(back))


@every_method
def test_a_row_in_a_mixed_batch_is_the_row_alone(made, name):
    asked = requests(6, (name, "base", "mixture"))
    assert made.answer(asked) == [reply for request in asked for reply in made.answer([request])]


@every_method
def test_the_model_is_left_as_it_was(made, name):
    model = made.language.model
    made.method(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    made.answer(requests(4, (name,)))

    def fail(*_):
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="middle"):
        made.answer(requests(4, (name,)), on_text=fail)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@every_method
def test_its_drafts_are_pure_and_keep_the_question(made, name):
    method = made.method(name)
    if isinstance(method, Drafting):
        one, two = (method.draft(Draft(TALK), Steering((1.0, -2.0))) for _ in range(2))
        assert (one.ask, one.voices, dict(one.adapters)) == (two.ask, two.voices, dict(two.adapters))
        assert all(torch.equal(offset, two.offsets[layer]) for layer, offset in one.offsets.items())
        assert one.ask.messages == TALK.messages
    else:
        request = Request(TALK, Steering((1.0, -2.0)), BASE, GREEDY)
        assert method.spread(request) == method.spread(request)
        assert all(candidate.ask == TALK for candidate in method.spread(request))


@pytest.mark.parametrize("pair", list(combinations(NAMES, 2)), ids="+".join)
def test_two_methods_go_together_if_both_say_so(made, pair):
    agreed = all(b in METHODS.get(a).composes_with for a, b in (pair, pair[::-1]))
    for names in (pair, pair[::-1]):
        request = Request(TALK, Steering((2.0, 2.0)), "+".join(names), GREEDY)
        if agreed:
            assert made.answer([request])[0].method == request.method
        else:
            with pytest.raises(BadInputError, match="can't be applied together"):
                made.answer([request])


@every_method
def test_a_dial_turns_its_strengths(name):
    heard = []

    def dial(steering):
        heard.append(steering.vector)
        return steering.scaled(2.0)

    turned = engine(dials={name: dial})
    replies = turned.answer([Request(TALK, Steering((0.8, -0.8)), name, GREEDY)])
    assert set(heard) == {(0.8, -0.8)}
    assert replies[0].tokens == engine().answer([Request(TALK, Steering((1.6, -1.6)), name, GREEDY)])[0].tokens
