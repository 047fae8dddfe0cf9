"""Calibration, on somebody whose answers follow a known law."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import Asked, Reply, Request
from counterpoint.steering.calibration import (
    Calibration,
    calibrate,
    checked,
    fit_pair,
    identity_of,
    log_odds,
    pooled,
)
from counterpoint.steering.measuring import Measurer
from counterpoint.types import Dilemma, Taxonomy
from small_language import language, randomised
from users.small import TAXONOMY, dilemma


@dataclass
class Follower:
    """Answers by odds of exp(law(strength)) for the positive pole; a dial turns what is asked."""

    law: Callable[[float], float]
    taxonomy: Taxonomy = TAXONOMY
    dials: dict[str, Any] = field(default_factory=dict)
    asked: int = 0

    def answer(self, requests: Sequence[Request], *, on_text: object = None) -> list[Reply]:  # noqa: ARG002
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Reply:
        self.asked += 1
        ask, steering = request.ask, request.steering
        assert isinstance(ask, Asked)
        if request.method in self.dials and steering.active:
            steering = self.dials[request.method](steering)
        axis = [pair.name for pair in TAXONOMY].index(ask.dilemma.value_pair)
        chance = 1 / (1 + math.exp(-self.law(steering.vector[axis])))
        positive = np.random.default_rng(request.seed).random() < chance
        pole = TAXONOMY.pairs[axis].poles[0 if positive else 1]
        letter = "AB"[ask.dilemma.gold(pole.name)[0]]
        return Reply(f'{{"choice": "{letter}', "stop", request.steering, request.method)


def made(count: int, start: int = 0) -> list[Dilemma]:
    words = {"Risk": ("leap", "guard"), "Pace": ("fast", "slow")}
    return [
        dilemma(f"{pair} {i}", *(words[pair] if i % 2 else words[pair][::-1]), pair=pair)
        for pair in words
        for i in range(start, start + count)
    ]


QUICK = Calibration(draws=8)


def test_a_straight_law_gives_its_slope() -> None:
    dial = calibrate(Follower(lambda v: 3 * v - 0.5), "any", made(40), model="m", settings=QUICK)
    for pair in dial.pairs:
        assert pair.turn(1.0) == pytest.approx(1 / 3, rel=0.2)
        assert pair.turn(-1.0) == pytest.approx(-1 / 3, rel=0.2)


def test_turned_by_its_dial_strength_1_shifts_the_log_odds_by_1_on_other_dilemmas() -> None:
    host = Follower(lambda v: 3 * v - 0.5)
    host.dials["any"] = calibrate(Follower(host.law), "any", made(60), model="m", settings=QUICK)
    found = checked(host, "any", made(150, start=100), (-1.0, 1.0), settings=QUICK)
    for strength, shift in found.items():
        assert shift.mean == pytest.approx(strength, abs=0.2)
        assert shift.low < shift.mean < shift.high


def test_a_law_with_a_step_is_no_line() -> None:
    # nothing happens below 2 of its own units, and nothing more above 3
    host = Follower(lambda v: 2.0 * np.sign(v) * min(1.0, max(0.0, abs(v) - 2)))
    dial = calibrate(host, "any", made(60), model="m", settings=QUICK)
    for pair in dial.pairs:
        assert pair.kind == "steps"
        assert 2 < pair.turn(1.0) <= 4
        assert pair.reach == pytest.approx((-2, 2), abs=0.5)
        assert pair.errors["steps"] < pair.errors["slope"]


def test_a_method_that_does_nothing_is_said_to(caplog: pytest.LogCaptureFixture) -> None:
    dial = calibrate(Follower(lambda _: 0.3), "idle", made(40), model="m", settings=QUICK)
    assert "idle hardly moves Risk" in caplog.text
    assert max(abs(end) for pair in dial.pairs for end in pair.reach) < 0.25


def test_unreadable_answers_are_in_no_count() -> None:
    class Mumbling(Follower):
        def answer(self, requests: Sequence[Request], *, on_text: object = None) -> list[Reply]:  # noqa: ARG002
            replies = super().answer(requests)
            return [Reply("hm", "stop", r.steering, "x") if i % 2 else r for i, r in enumerate(replies)]

    counts = Measurer(Mumbling(lambda v: v), made(8), Calibration(draws=2)).base("any")
    assert [c.sum() for c in counts] == [8, 8]


def test_what_is_asked_without_steering_is_asked_once() -> None:
    host = Follower(lambda v: v)
    measurer = Measurer(host, made(8), Calibration(draws=2))
    measurer.base("any"), measurer.base("any")
    assert host.asked == 16 * 2


def test_a_host_with_a_dial_and_too_few_dilemmas_are_refused() -> None:
    with pytest.raises(BadInputError, match="has a dial already"):
        calibrate(Follower(lambda v: v, dials={"any": None}), "any", made(40), model="m")
    with pytest.raises(BadInputError, match="at least 8"):
        calibrate(Follower(lambda v: v), "any", made(7), model="m")


@pytest.mark.parametrize(
    ("values", "nearest"),
    [([1, 2, 3], [1, 2, 3]), ([2, 1], [1.5, 1.5]), ([1, 4, 2, 3], [1, 3, 3, 3]), ([3, 2, 1], [2, 2, 2])],
)
def test_pooling_gives_the_nearest_sequence_that_never_falls(values: list[float], nearest: list[float]) -> None:
    assert pooled(np.array(values, float)) == pytest.approx(nearest)


def test_a_fitted_curve_passes_through_zero_and_never_falls() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        steered, base = draw.integers(0, 9, (6, 12, 2)).astype(float), draw.integers(0, 9, (12, 2)).astype(float)
        pair = fit_pair("Risk", [-3, -2, -1, 1, 2, 3], steered, base, folds=3)  # PairDial refuses any other
        assert pair.shift[pair.own.index(0.0)] == 0.0


def test_log_odds_add_half_an_answer_to_either_side() -> None:
    assert log_odds(np.array([3.0, 0.0])) == pytest.approx(math.log(3.5 / 0.5))


def test_an_adapter_makes_another_identity() -> None:
    one = language()
    plain = identity_of(one)
    assert plain == identity_of(language()) != identity_of(language(seed=1))
    one.add_adapter()
    fresh = identity_of(one)
    randomised(one.model)
    assert len({plain, fresh, identity_of(one)}) == 3
