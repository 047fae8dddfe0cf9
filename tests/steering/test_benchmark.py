"""The parts of steering's benchmark that need no trained model, on a random one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from counterpoint.models.decoding import Decoding
from counterpoint.steering.activation_fit import VectorFit, fit_vectors
from counterpoint.steering.adapters_fit import AdapterTraining, fit_adapters
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import METHODS
from counterpoint.steering.methods.neighbourhood import Neighbours
from counterpoint.steering.methods.rerank import Reranking
from small_encoder import TWO_PAIRS, made_up_dilemmas, small_scorer
from small_language import language

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import steering_effects
import steering_engine
from steering_world import World

sys.path.pop(0)  # its steering.py and authoring.py would hide the tests' folders of these names


@pytest.fixture(scope="module")
def world() -> World:
    dilemmas = made_up_dilemmas(24)
    model = language()
    vectors = fit_vectors(model, dilemmas[:12], TWO_PAIRS, config=VectorFit(layers=(0,), multipliers=(1.0,)))
    adapters = fit_adapters(model, dilemmas[:8], TWO_PAIRS, training=AdapterTraining(epochs=1, learning_rate=1e-2))
    materials = {
        "activation": vectors,
        "adapters": adapters,
        "rerank": Reranking(small_scorer(), candidates=2),
        "neighbourhood": Neighbours(small_scorer(), directions=2),
    }
    engine = Engine(model, TWO_PAIRS, materials=materials)
    return World(engine, dilemmas[:12], dilemmas[:12], dilemmas[12:14], tiny=True, quick=True)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (steering_effects, steering_engine):
        monkeypatch.setattr(module, "GREEDY", Decoding(temperature=0, max_new_tokens=3))
    monkeypatch.setattr(steering_effects, "WARM", Decoding(temperature=0.8, max_new_tokens=3))
    monkeypatch.setattr(steering_engine, "ROWS", 6)


def test_zero_belief_is_measured_for_every_method(world: World) -> None:
    found = steering_effects.zero_belief(world)
    assert [figure.method for figure in found] == list(METHODS.names())
    assert all(figure.holds and figure.value == 1.0 for figure in found)


def test_batches_are_compared_with_replies_alone(world: World) -> None:
    assert all(figure.holds for figure in steering_engine.batches(world))


def test_the_model_is_left_alone_by_replies_and_exceptions(world: World) -> None:
    (figure,) = steering_engine.left_alone(world, replies=24, exceptions=4)
    assert figure.holds
    assert "24 replies and 4 exceptions" in figure.what


def test_a_hook_that_stays_is_seen(world: World) -> None:
    model = world.engine.language.model
    before = steering_engine._state(model)
    handle = next(model.modules()).register_forward_hook(lambda *_: None)
    try:
        assert steering_engine._state(model) != before
    finally:
        handle.remove()
    assert steering_engine._state(model) == before


@pytest.mark.slow
def test_effects_are_measured_for_every_method_that_generates(world: World) -> None:
    rows = steering_effects.rising(world)
    assert {figure.method for figure in rows if figure.bar == "above 0"} == set(world.here(steering_effects.FOUR))
    assert all(figure.low <= figure.value <= figure.high for figure in rows)
    kept = steering_effects.two_pairs(world)
    assert {figure.method for figure in kept} == set(world.here(steering_effects.FOUR))


def test_speeds_are_taken_in_turns() -> None:
    order: list[str] = []
    works = {name: lambda name=name: order.append(name) or sum(range(200_000)) for name in ("a", "b")}
    speeds = steering_engine.in_turns(works, runs=2)
    assert order == ["a", "b"] * 3  # once to warm up
    assert {name: len(runs) for name, runs in speeds.items()} == {"a": 2, "b": 2}
