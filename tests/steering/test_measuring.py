"""Three ways to one share of answers: seen in the model, seen in the choice, counted. On a random model they agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from counterpoint.steering.asking import BASE, Request
from counterpoint.steering.calibration import Calibration
from counterpoint.steering.engine import Engine
from counterpoint.steering.measuring import Measurer
from counterpoint.steering.methods.neighbourhood import Neighbours
from counterpoint.steering.methods.rerank import Reranking
from small_encoder import TWO_PAIRS, made_up_dilemmas, small_scorer
from small_language import language

DILEMMAS = made_up_dilemmas(8)
SETTINGS = Calibration(folds=2, draws=2, max_new_tokens=4)


@pytest.fixture(scope="module")
def engine() -> Engine:
    materials = {"rerank": Reranking(small_scorer(), candidates=3), "neighbourhood": Neighbours(small_scorer())}
    return Engine(language(), TWO_PAIRS, materials=materials)


@pytest.fixture
def asked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every request that the engine answers from now on; a reply chooses the first or second option by its seed."""
    heard: list[Request] = []
    answer = engine.answer

    def listening(requests, *, on_text=None):
        heard.extend(requests)
        letters = ["AB"[(request.seed or 0) % 2] for request in requests]
        return [
            replace(reply, text=f'{{"choice": "{letter}"}}')
            for reply, letter in zip(answer(requests, on_text=on_text), letters, strict=True)
        ]

    monkeypatch.setattr(engine, "answer", listening)
    return heard


@pytest.mark.parametrize(
    ("method", "way"),
    [
        (BASE, "likelihood"),
        ("mixture", "likelihood"),
        ("instruction+mixture", "likelihood"),
        ("rerank", "candidates"),
        ("mixture+rerank", "candidates"),
        ("somebody's own", "answers"),
    ],
)
def test_as_much_is_seen_as_there_is(engine: Engine, method: str, way: str) -> None:
    assert Measurer(engine, DILEMMAS, SETTINGS).way(method) == way
    assert Measurer(engine, DILEMMAS, replace(SETTINGS, by="answers")).way(method) == "answers"


def test_by_likelihood_nothing_is_drawn_and_every_dilemma_has_a_share(engine: Engine, asked: list[Request]) -> None:
    measurer = Measurer(engine, DILEMMAS, SETTINGS)
    (base, weak, strong) = measurer.counts("mixture", [0.0, 0.1, 3.0])
    assert not asked
    for none, little, much in zip(base, weak, strong, strict=True):
        assert none.sum(1) == pytest.approx(1000) == much.sum(1)
        assert 0 < np.abs(little - none).max() < np.abs(much - none).max()
    for one, other in zip(measurer.base("mixture"), base, strict=True):
        assert np.allclose(one, other)


def test_candidates_are_drawn_once_for_all_strengths_and_count_as_they_are_kept(
    engine: Engine, asked: list[Request]
) -> None:
    measurer = Measurer(engine, DILEMMAS, SETTINGS)
    usable = sum(map(len, measurer.by_pair))
    base, found = measurer.base("rerank"), measurer.counts("rerank", [-4.0, -1.0, 1.0, 4.0])
    assert len(asked) == usable * 2 * 3
    assert {request.method for request in asked} == {BASE}
    for axis in range(len(base)):
        shares = [counts[axis].sum(0)[0] for counts in (*found[:2], base, *found[2:])]
        assert shares == sorted(shares)
        assert shares[0] < shares[-1]


def test_chances_are_those_that_choosing_draws_from(engine: Engine) -> None:
    measurer = Measurer(engine, DILEMMAS, SETTINGS)
    request = measurer._request("rerank", 0, 2.0, measurer.by_pair[0][0], 0)
    choice, candidates = measurer._spread(request)
    replies = [replace(reply, text=f'{{"choice": "{"AAB"[i]}"}}') for i, reply in enumerate(engine.answer(candidates))]
    chances = choice.method.chances(choice.choose, replies)
    kept = [choice.method.choose(replace(choice.choose, seed=seed), replies) for seed in range(2000)]
    assert np.bincount(kept, minlength=3) / 2000 == pytest.approx(chances, abs=0.04)
