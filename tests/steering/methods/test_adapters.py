"""Adapters mixed by v: shares, files, and a reply that is the changed model's own."""

from __future__ import annotations

import pytest
import torch

from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LoraSettings
from counterpoint.steering.asking import Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import Draft
from counterpoint.steering.methods.adapters import METHOD, Adapters
from counterpoint.steering.steering import Steering, nothing
from small_language import language, randomised
from steering.small import GREEDY, PAIRS, TALK, engine, lora


def loras(*names, made=None):
    draw = torch.Generator().manual_seed(0)
    return {name: lora(made or language(), draw) for name in names}


def weights(adapters, vector):
    return METHOD.open(engine(), adapters).draft(Draft(TALK), Steering(vector)).adapters


def test_the_worked_example():
    poles = Adapters(loras("Hare", "Tortoise", "Bee", "Cat"))
    assert weights(poles, (1.0, -2.0)) == {"Hare": 0.5, "Tortoise": -0.5, "Bee": -1.0, "Cat": 1.0}
    assert weights(poles, (1.0, 0.0)) == {"Hare": 0.5, "Tortoise": -0.5}
    assert weights(Adapters(loras("Tempo", "Company")), (1.0, -2.0)) == {"Tempo": 1.0, "Company": -2.0}
    mixed = Adapters(loras("Tempo", "Bee", "Cat"))
    assert weights(mixed, (3.0, 1.0)) == {"Tempo": 3.0, "Bee": 0.5, "Cat": -0.5}


def test_a_reply_is_that_of_the_model_with_changed_weights():
    made = language()
    steered = Engine(made, PAIRS, materials={"adapters": Adapters(loras("Tempo", "Company"))})
    request = Request(TALK, Steering((1.0, -0.5)), "adapters", GREEDY)
    (reply,) = steered.answer([request])
    changed = language()
    for weight, adapter in zip((1.0, -0.5), loras("Tempo", "Company").values(), strict=True):
        for name, (a, b) in adapter.factors.items():
            changed.model.get_submodule(name).weight.data += weight * adapter.scale * (b @ a)
    (oracle,) = Engine(changed, PAIRS).answer([Request(TALK, nothing(PAIRS), "base", GREEDY)])
    (plain,) = steered.answer([Request(TALK, nothing(PAIRS), "base", GREEDY)])
    assert reply.tokens == oracle.tokens != plain.tokens


def test_adapters_of_poles_come_from_training_runs(tmp_path):
    for i, pole in enumerate(PAIRS.poles):
        made = language()
        made.add_adapter(LoraSettings(rank=2, alpha=8, dropout=0.0))
        randomised(made.model, seed=i)
        made.save(tmp_path / pole.name)
    adapters = Adapters.of_poles({pole.name: tmp_path / pole.name for pole in PAIRS.poles})
    assert adapters.identity == "small 0"
    assert {adapter.scale for adapter in adapters.loras.values()} == {4.0}
    request = Request(TALK, Steering((2.0, 1.0)), "adapters", GREEDY)
    adapters.save(tmp_path / "all")
    said = {
        Engine(language(), PAIRS, materials={"adapters": given}).answer([request])[0].tokens
        for given in (adapters, tmp_path / "all", str(tmp_path / "all"))
    }
    assert len(said) == 1


def test_what_does_not_fit_is_an_error(tmp_path):
    made = engine()
    with pytest.raises(BadInputError, match="no adapter for Company: expected one of that name, or"):
        METHOD.open(made, Adapters(loras("Tempo", "Bee")))
    with pytest.raises(BadInputError, match="adapters of small 9"):
        METHOD.open(made, Adapters(loras("Tempo", "Company"), "small 9"))
    with pytest.raises(BadInputError, match="no saved adapters"):
        METHOD.open(made, tmp_path)
    with pytest.raises(BadInputError, match="not a saved adapter"):
        Adapters.of_poles({"Hare": tmp_path})
