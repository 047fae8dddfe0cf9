"""What a run can show, before it starts: assumed, or as an earlier run varied."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from counterpoint.errors import BadInputError
from counterpoint.evaluation.foresight import foresee, foresee_cases, foresee_people, foresee_questions, spread_of


def pilot(folder: Path, right: dict[str, list[list[bool]]]) -> Path:
    """A run's predictions from `{method: [dilemma][answer]}`."""
    rows = [
        {"method": method, "dilemma": f"d{i}", "chosen": 0 if ok else 1, "gold": [0]}
        for method, dilemmas in right.items()
        for i, answers in enumerate(dilemmas)
        for ok in answers
    ]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_every_pair_of_methods_is_a_comparison() -> None:
    found = foresee(100, 4)
    assert found is not None
    assert found.comparisons == 6
    assert foresee(100, 1) is None


def test_people_cases_and_questions_have_spreads_of_their_own() -> None:
    # (z(1 - 0.05 / 6) + z(0.8)) s / sqrt(100) with z(0.991667) = 2.39398, z(0.8) = 0.84162
    for found, sd in ((foresee_people(100, 3), 0.25), (foresee_cases(100, 3), 1.0), (foresee_questions(100, 3), 2.0)):
        assert found is not None
        assert found.minimum_detectable_effect == pytest.approx(3.2356 * sd / 10, abs=1e-4)
    assert foresee_people(100, 0) is None
    assert foresee_cases(100, 1) is None


def test_a_pilot_s_spread_is_that_of_dilemmas_over_poles_and_seeds(tmp_path: Path) -> None:
    # differences of the dilemmas' shares: 1, 0, 1/2; mean 1/2, sd sqrt((1/4 + 1/4) / 2) = 1/2
    run = pilot(
        tmp_path, {"a": [[True, True], [True, False], [True, True]], "b": [[False] * 2, [True, False], [True, False]]}
    )
    assert spread_of(run).sd == pytest.approx(0.5)
    found = foresee(100, 2, pilot=run)
    assert found is not None
    assert found.minimum_detectable_effect == pytest.approx((1.95996 + 0.84162) * 0.5 / math.sqrt(100), abs=1e-4)
    assert "differences vary as in" in found.sentence


def test_the_methods_that_differ_most_decide(tmp_path: Path) -> None:
    same = [[True], [False], [True], [True]]
    run = pilot(tmp_path, {"a": same, "b": same, "c": [[False], [True], [True], [True]]})
    # a - c: 1, -1, 0, 0; sd sqrt(2 / 3)
    assert spread_of(run).sd == pytest.approx(math.sqrt(2 / 3))


@pytest.mark.parametrize("right", [{"a": [[True], [False]]}, {"a": [[True], [True]], "b": [[True], [True]]}, {}])
def test_a_run_without_two_methods_that_differ_is_no_pilot(tmp_path: Path, right: dict[str, list[list[bool]]]) -> None:
    with pytest.raises(BadInputError, match="no pilot"):
        spread_of(pilot(tmp_path, right))
    with pytest.raises(BadInputError, match="can't be read"):
        spread_of(tmp_path / "nowhere")
