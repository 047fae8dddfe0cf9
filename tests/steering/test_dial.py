"""A dial: from log-odds to a method's own strengths, saved, and refused where it is of something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import BadInputError
from counterpoint.steering.dial import MethodDial, PairDial, taxonomy_hash
from counterpoint.steering.steering import Steering, from_leans, nothing
from users.small import TAXONOMY

STRAIGHT = PairDial("Risk", "slope", (-4.0, 0.0, 4.0), (-8.0, 0.0, 8.0))
BENT = PairDial("Pace", "steps", (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0), (-1.5, -1.5, 0.0, 1.0, 1.0, 3.0))
DIAL = MethodDial("mixture", "m", taxonomy_hash(TAXONOMY), "d", (STRAIGHT, BENT))


@pytest.mark.parametrize(
    ("pair", "strength", "own"),
    [
        (STRAIGHT, 1.0, 0.5),
        (STRAIGHT, -3.0, -1.5),
        (STRAIGHT, 20.0, 4.0),
        (BENT, 0.5, 0.5),
        (BENT, 1.0, 1.0),  # the weakest that reaches it
        (BENT, 2.0, 2.5),  # half-way from (2, 1) to (3, 3)
        (BENT, -0.75, -0.5),
        (BENT, -3.0, -1.0),  # beyond its reach: from there on nothing moves
    ],
)
def test_the_curve_is_turned_around(pair: PairDial, strength: float, own: float) -> None:
    assert pair.turn(strength) == pytest.approx(own)


def test_a_method_that_moves_nothing_is_asked_for_little() -> None:
    flat = PairDial("Risk", "steps", (-2.0, -1.0, 0.0, 1.0, 2.0), (0.0,) * 5)
    assert flat.turn(1.0) == 1.0
    assert flat.turn(-1.0) == -1.0


@given(st.floats(0.01, 3.0), st.floats(0.01, 3.0))
def test_more_is_never_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for pair in (STRAIGHT, BENT):
        assert 0 < pair.turn(low) <= pair.turn(high)
        assert 0 > pair.turn(-low) >= pair.turn(-high)


def test_every_pair_is_turned_by_its_own_curve_and_zero_stays_zero() -> None:
    assert DIAL(from_leans({"Daring": 1.0, "Now": 2.0}, TAXONOMY)).vector == pytest.approx((0.5, 2.5))
    assert DIAL(from_leans({"Careful": 1.0}, TAXONOMY)).vector == pytest.approx((-0.5, 0.0))
    assert DIAL(nothing(TAXONOMY)) == nothing(TAXONOMY)


def test_what_is_beyond_reach_is_said_once_for_each_side(caplog: pytest.LogCaptureFixture) -> None:
    dial = replace(DIAL)  # one that has said nothing yet
    asked = from_leans({"Later": 3.0, "Daring": 1.0}, TAXONOMY)
    assert dial.short(asked) == ("mixture moves Pace by -1.50 log-odds at most; -3.00 was asked for",)
    for steering in (asked, asked, from_leans({"Later": 4.0}, TAXONOMY), from_leans({"Now": 9.0}, TAXONOMY)):
        dial(steering)
    assert [record.getMessage().partition(" log-odds")[0] for record in caplog.records] == [
        "mixture moves Pace by -1.50",
        "mixture moves Pace by +3.00",
    ]
    assert dial.short(from_leans({"Later": 1.5}, TAXONOMY)) == ()


def test_a_saved_dial_comes_back(tmp_path: Path) -> None:
    DIAL.save(tmp_path / "dial.json")
    assert MethodDial.load(tmp_path / "dial.json", method="mixture", model="m", taxonomy=TAXONOMY) == DIAL


@pytest.mark.parametrize(("changed", "said"), [({"method": "activation"}, "another method"), ({"model": "n"}, "model")])
def test_a_dial_of_something_else_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    DIAL.save(tmp_path / "dial.json")
    with pytest.raises(BadInputError, match=said):
        MethodDial.load(tmp_path / "dial.json", **{"method": "mixture", "model": "m", "taxonomy": TAXONOMY, **changed})


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"more": 1},
        {"pairs": [{"value_pair": "Risk"}]},
        {"pairs": [{**STRAIGHT.__dict__, "shift": [8.0, 0.0, -8.0]}]},
        {"pairs": [{**STRAIGHT.__dict__, "shift": [-8.0, 0.5, 8.0]}]},
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    DIAL.save(tmp_path / "dial.json")
    record = json.loads((tmp_path / "dial.json").read_text())
    (tmp_path / "dial.json").write_text(json.dumps(record | change))
    with pytest.raises(BadInputError, match="not a saved dial"):
        MethodDial.load(tmp_path / "dial.json", method="mixture", model="m", taxonomy=TAXONOMY)


def test_steering_of_another_taxonomy_is_refused() -> None:
    with pytest.raises(BadInputError, match="1 value pairs"):
        DIAL(Steering((1.0,)))
