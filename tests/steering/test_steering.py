"""From a belief, or from what is asked for, to what is done about it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.steering.steering import Policy, Steering, from_belief, from_leans, nothing
from counterpoint.users.belief import Belief
from steering.small import PAIRS


def belief(mean, sd):
    return Belief(np.array(mean, float), np.diag(np.array(sd, float) ** 2), count=9)


def test_a_strength_leans_to_the_pole_named():
    steering = from_leans({"Tortoise": 1.5, "Bee": 0.5}, PAIRS)
    assert steering.vector == (-1.5, 0.5)
    assert [(one.pole, one.strength, one.origin) for one in steering.leanings] == [
        ("Tortoise", 1.5, "asked for"),
        ("Bee", 0.5, "asked for"),
    ]
    assert from_leans({"Hare": -1.5}, PAIRS).leanings[0].pole == "Tortoise"
    assert from_leans({"Hare": 0.0}, PAIRS) == nothing(PAIRS, "no leaning was asked for")


def test_what_cannot_be_leant_to_is_an_error():
    with pytest.raises(UnknownNameError, match="Did you mean 'Tortoise'"):
        from_leans({"Tortose": 1.0}, PAIRS)
    with pytest.raises(BadInputError, match="two sides of Tempo"):
        from_leans({"Hare": 1.0, "Tortoise": 1.0}, PAIRS)
    with pytest.raises(BadInputError, match="finite"):
        from_leans({"Hare": float("nan")}, PAIRS)


def test_nobody_known_is_no_steering():
    steering = from_belief(None, PAIRS)
    assert (steering.vector, steering.active) == ((0.0, 0.0), False)
    assert steering.abstained == "nothing is known about this person"


def test_a_sure_pair_is_applied_as_it_was_inferred_and_an_unsure_one_is_left_out():
    # P(side) is the normal distribution at |mean| / sd: at 1 it is 0.84, at 0.5 it is 0.69
    steering = from_belief(belief([-1.2, 0.4], [1.2, 0.8]), PAIRS, prior=Belief.flat(2, sd=1.5))
    assert steering.vector == (-1.2, 0.0)
    (leaning,) = steering.leanings
    assert (leaning.pole, leaning.strength, leaning.sd, leaning.origin) == ("Tortoise", 1.2, 1.2, "inferred")
    assert leaning.evidence == pytest.approx(np.log(1.5 / 1.2))
    assert (steering.uncertain, steering.conflicts) == ((), ("Company",))  # ln(1.5 / 0.8) = 0.63 nats learnt
    assert from_belief(belief([-1.2, 0.4], [1.2, 0.8]), PAIRS).uncertain == ("Company",)


def test_strengths_are_cut():
    assert from_belief(belief([9, -9], [1, 1]), PAIRS).vector == (3.0, -3.0)
    assert from_belief(belief([9, -9], [1, 1]), PAIRS, policy=Policy(most=1.0)).vector == (1.0, -1.0)


def test_much_learnt_and_still_no_side_is_a_conflict():
    torn = belief([0.1, 0.0], [0.5, 1.0])
    prior = Belief.flat(2)
    steering = from_belief(torn, PAIRS, prior=prior)
    assert (steering.conflicts, steering.uncertain) == (("Tempo",), ("Company",))
    assert not steering.active
    assert steering.abstained == ("the evidence speaks for both sides of Tempo; too little is known about Company")
    both = from_belief(torn, PAIRS, prior=prior, policy=Policy(both_sides=True))
    assert both.active
    assert both.shows_both
    assert both.abstained == ""


def test_sides_that_differ_by_scene_are_a_conflict_where_the_scene_is_not_known():
    overall = belief([0.9, 2.0], [0.5, 0.5])
    scenes = {"work": belief([2.0, 2.0], [0.5, 0.5]), "home": belief([-2.0, 1.0], [0.5, 0.5])}
    assert from_belief(overall, PAIRS).vector == (0.9, 2.0)
    steering = from_belief(overall, PAIRS, scenes=scenes)
    assert (steering.vector, steering.conflicts) == ((0.0, 2.0), ("Tempo",))
    assert from_belief(scenes["home"], PAIRS).vector == (-2.0, 1.0)


def test_a_belief_of_another_size_is_an_error():
    with pytest.raises(BadInputError, match="over 3 value pairs"):
        from_belief(Belief.flat(3), PAIRS)
    with pytest.raises(BadInputError, match="over 3 value pairs"):
        from_belief(Belief.flat(2), PAIRS, prior=Belief.flat(3))


@pytest.mark.parametrize("settings", [{"sure": 0.5}, {"sure": 1.0}, {"most": 0.0}, {"most": np.inf}, {"conflict": 0}])
def test_a_policy_without_sense_is_an_error(settings):
    with pytest.raises(BadInputError, match=next(iter(settings))):
        Policy(**settings)


@given(st.lists(st.floats(-3, 3).map(lambda v: round(v, 3)), min_size=2, max_size=2), st.floats(0.1, 5))
def test_gains_stretch_and_never_turn(vector, gain):
    names = {pole.name: abs(v) for pair, v in zip(PAIRS, vector, strict=True) for pole in [pair.poles[v < 0]]}
    steering = from_leans(names, PAIRS)
    scaled = steering.scaled(gain)
    assert scaled.vector == tuple(v * gain for v in steering.vector)
    assert {one.pole: one.strength for one in scaled.leanings} == pytest.approx(
        {one.pole: one.strength * gain for one in steering.leanings}
    )
    assert [np.sign(v) for v in scaled.vector] == [np.sign(v) for v in steering.vector]


def test_gains_can_neither_turn_nor_drop():
    for gain in (0.0, -1.0, float("inf")):
        with pytest.raises(BadInputError, match="gains"):
            from_leans({"Hare": 1.0}, PAIRS).scaled(gain)
    with pytest.raises(BadInputError, match="not zero where"):
        from_leans({"Hare": 1.0}, PAIRS).with_vector([1.0, 1.0])


def test_gains_reorder_leanings_with_their_uncertainty():
    steering = from_belief(belief([2.0, -1.0], [0.5, 0.2]), PAIRS)
    scaled = steering.scaled((1.0, 4.0))
    assert [(one.value_pair, one.strength, one.sd) for one in scaled.leanings] == [
        ("Company", 4.0, pytest.approx(0.8)),
        ("Tempo", 2.0, 0.5),
    ]
    assert Steering((1.0, 0.0)).scaled(2.0) == Steering((2.0, 0.0))


def test_records_and_contract_load_without_torch():
    program = (
        "import sys, counterpoint.steering.method, counterpoint.steering.asking\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
