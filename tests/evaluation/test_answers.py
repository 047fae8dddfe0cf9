"""Asking a scorer: whatever order the options are shown in, answers are told in the file's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterpoint.data import shuffle_options
from counterpoint.evaluation.answers import CHUNK, ask, order_effect, order_of
from counterpoint.models.scorer import LogProbs
from counterpoint.types import Dilemma, Option, Pole
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas


class Stub:
    """A scorer that is told what to make of an option's text and place."""

    name = "stub"

    def __init__(self, by: str) -> None:
        self.by, self.shown = by, []  # type: ignore[var-annotated]

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[LogProbs]:
        self.shown += dilemmas
        rows = []
        for dilemma, asked in zip(dilemmas, poles, strict=True):
            logits = [
                [
                    {"truth": 3.0 * (option.pole == pole.name), "place": -float(i)}[self.by]
                    for i, option in enumerate(dilemma.options)
                ]
                for pole in asked
            ]
            rows.append(np.array([row - np.logaddexp.reduce(row) for row in logits], np.float32))
        return rows

    def save(self, folder: Any) -> None: ...

    def describe(self) -> dict[str, Any]:
        return {}


DILEMMAS = made_up_dilemmas(CHUNK + 5)


def test_a_scorer_that_knows_the_truth_is_always_right_in_any_order() -> None:
    for seed in range(3):
        answers = ask(Stub("truth"), DILEMMAS, TWO_PAIRS, order_seed=seed)
        assert len(answers) == 2 * len(DILEMMAS)
        for answer in answers:
            assert answer.chosen in answer.gold
            assert answer.selected == answer.gold
            assert answer.confidence is not None
            assert answer.confidence > 0.5
            rows = np.array(answer.log_probs)
            assert np.exp(rows).sum() == pytest.approx(1, abs=1e-5)
            assert set(np.flatnonzero(rows > rows.min() + 1)) in (set(answer.gold), set())


def test_options_are_shown_in_the_order_drawn_and_each_dilemma_once() -> None:
    stub, done = Stub("place"), list[int]()
    answers = ask(stub, DILEMMAS, TWO_PAIRS, order_seed=4, progress=done.append)
    assert stub.shown == [shuffle_options(dilemma, 4) for dilemma in DILEMMAS]
    assert done == [CHUNK, 5]
    for answer in answers:
        [dilemma] = [d for d in DILEMMAS if d.id == answer.dilemma]
        assert dilemma.options[answer.chosen] == shuffle_options(dilemma, 4).options[0]


def test_the_order_effect_is_0_for_a_scorer_that_reads_and_large_for_one_that_looks_at_the_place() -> None:
    def effect(by: str) -> float:
        one, other = (ask(Stub(by), DILEMMAS, TWO_PAIRS, order_seed=seed) for seed in (0, 1))
        return float(np.mean(order_effect(one, other)))

    # several options of a pole are equal to the stub that knows the truth, so only dilemmas of two options count there
    two = [replace(d, options=d.options[:2]) for d in DILEMMAS if len({o.pole for o in d.options[:2]}) == 2]
    assert two
    one, other = (ask(Stub("truth"), two, TWO_PAIRS, order_seed=seed) for seed in (0, 1))
    assert order_effect(one, other) == [0.0] * 2 * len(two)
    # places are drawn anew: with n options the choice changes in (n - 1) / n of the cases
    expected = float(np.mean([1 - 1 / len(d.options) for d in DILEMMAS]))
    assert effect("place") == pytest.approx(expected, abs=0.25)


def test_a_pole_without_an_option_is_not_asked() -> None:
    one_sided = Dilemma("d", RISK, "s", (Option("a", "Risk-averse"), Option("b", "Risk-averse")))
    assert [a.pole for a in ask(Stub("truth"), [one_sided], TWO_PAIRS, order_seed=0)] == ["Risk-averse"]


def test_the_order_is_that_of_shuffle_options() -> None:
    for dilemma in DILEMMAS:
        assert dilemma.reordered(order_of(dilemma, 7)) == shuffle_options(dilemma, 7)
