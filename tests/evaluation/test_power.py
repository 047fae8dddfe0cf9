"""Minimum detectable effects: against statsmodels, and by simulation of the test that is used."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from counterpoint.errors import BadInputError
from counterpoint.evaluation.power import Spread, minimum_detectable_effect, plan, power_of, sd_of_disagreement
from counterpoint.evaluation.stats import sign_flip_test


def test_the_effect_and_its_power_are_each_other_s_inverse_and_statsmodels() -> None:
    # (1.95996 + 0.84162) * 0.5 / sqrt(100) = 0.14008
    effect = minimum_detectable_effect(100, 0.5)
    assert effect == pytest.approx(0.14008, abs=1e-5)
    assert power_of(effect, 100, 0.5) == pytest.approx(0.8, abs=1e-4)
    # one sample: statsmodels' ratio 0
    theirs = NormalIndPower().power(effect / 0.5, 100, 0.05, ratio=0)
    assert power_of(effect, 100, 0.5) == pytest.approx(theirs, abs=1e-9)
    assert minimum_detectable_effect(100, 0.5, comparisons=10) > effect


def test_the_test_that_is_used_has_the_power_that_is_promised() -> None:
    # methods differ on 20% of 150 scenarios; true difference the minimum detectable one
    share, units = 0.2, 150
    effect = minimum_detectable_effect(units, sd_of_disagreement(share))
    draw, found = np.random.default_rng(0), 0
    for number in range(300):
        kind = draw.choice([1.0, -1.0, 0.0], size=(units, 1), p=[(share + effect) / 2, (share - effect) / 2, 1 - share])
        p_value = sign_flip_test(kind, np.ones_like(kind), seed=number, draws=600)
        found += p_value is not None and p_value < 0.05
    assert found / 300 == pytest.approx(0.8, abs=0.07)


def test_a_plan_says_so_in_words() -> None:
    found = plan(200, comparisons=3)
    assert found.minimum_detectable_effect == pytest.approx(
        (2.39398 + 0.84162) * math.sqrt(0.2) / math.sqrt(200), abs=1e-4
    )
    assert "200 scenarios" in found.sentence
    assert "3 comparisons" in found.sentence
    assert "differ on 20% of the answers" in found.sentence
    told = {row["difference"]: row["power"] for row in found.power_for}
    assert told[0.05] == pytest.approx(power_of(0.05, 200, math.sqrt(0.2), comparisons=3), abs=1e-4)
    assert "12 people" in plan(12, spread=Spread(0.3, "a pilot says so"), unit="people").sentence


def test_what_can_t_be_is_refused() -> None:
    with pytest.raises(BadInputError, match="answered differently"):
        sd_of_disagreement(0.1, 0.2)
    with pytest.raises(BadInputError, match="at least 1"):
        minimum_detectable_effect(0, 1.0)
