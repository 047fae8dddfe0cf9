"""Tables of the suite `aloe`, worked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from counterpoint.evaluation.aloe.counting import tables

NAN = math.nan


def found(grades: dict[tuple[str, int], list[list[float]]], **settings: Any) -> dict[str, Any]:
    arrays = {key: np.array(table) for key, table in grades.items()}
    cases = [f"case {i}" for i in range(len(next(iter(arrays.values()))))]
    return tables(arrays, cases, base="base", resamples=500, **settings)


def row(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (match,) = [r for r in rows if all(r[key] == value for key, value in wanted.items())]
    return match


BASE = [[2.0, 2.0, 2.0], [4.0, 4.0, 4.0], [3.0, 3.0, 3.0]]
SFT = [[2.0, 3.0, 4.0], [4.0, 5.0, 5.0], [3.0, 3.0, 5.0]]
SFT_AGAIN = [[2.0, 3.0, 4.0], [4.0, 5.0, 5.0], [3.0, 5.0, 3.0]]


def test_al_by_turn_its_mean_gain_and_rate_are_the_definitions() -> None:
    got = found({("base", 0): BASE, ("sft", 0): SFT})
    # AL of SFT: 9/3, 11/3, 14/3; of the base 3 at every turn
    for turn, level in enumerate((3, 11 / 3, 14 / 3), 1):
        assert row(got["rows"], method="sft", turn=turn)["value"] == pytest.approx(level, abs=1e-6)
        assert row(got["summary"], method="sft", metric=f"al_{turn}")["mean"] == pytest.approx(level, abs=1e-6)
    assert row(got["summary"], method="sft", metric="al")["mean"] == pytest.approx(34 / 9, abs=1e-6)
    assert row(got["summary"], method="sft", metric="gain")["mean"] == pytest.approx(5 / 3, abs=1e-6)
    assert row(got["summary"], method="sft", metric="ir")["mean"] == pytest.approx(5 / 6, abs=1e-6)
    # flat: its AL never changes, so that there is no normalised line
    assert row(got["summary"], method="base", metric="n_r2")["mean"] is None
    # over the base: 0, 2/9, 5/9 by turn, 7/27 on average
    by_turn = [row(got["relative"], method="sft", turn=turn)["mean"] for turn in (1, 2, 3, None)]
    assert by_turn == pytest.approx([0, 2 / 9, 5 / 9, 7 / 27], abs=1e-6)


def test_training_seeds_are_averaged_case_by_case_and_their_spread_stands_beside() -> None:
    got = found({("base", 0): BASE, ("sft", 0): SFT, ("sft", 1): SFT_AGAIN})
    # AL at turn 3: 14/3 with one seed and 4 with the other
    last = row(got["summary"], method="sft", metric="al_3")
    assert last["mean"] == pytest.approx(13 / 3, abs=1e-6)
    assert last["sd_seeds"] == pytest.approx(math.sqrt(2) / 3, abs=1e-6)
    assert (last["seeds"], last["n"]) == (2, 6)
    assert len([r for r in got["rows"] if r["method"] == "sft"]) == 6
    # differences by case of the gain: 2, 1 and (2 + 0) / 2 = 1 against a base that never moves
    pair = row(got["paired"], metric="gain")
    assert (pair["a"], pair["b"]) == ("base", "sft")
    assert pair["difference"] == pytest.approx(-4 / 3, abs=1e-6)


def test_what_failed_is_counted_and_left_out_of_every_mean() -> None:
    got = found({("base", 0): BASE, ("sft", 0): [[2.0, NAN, NAN], *SFT[1:]]})
    last = row(got["summary"], method="sft", metric="al_3")
    assert (last["mean"], last["n"], last["failed"]) == (5.0, 2, 2)
    # the case without a last grade has no gain: the others gained 1 and 2
    assert row(got["paired"], metric="gain")["difference"] == pytest.approx(-1.5)
