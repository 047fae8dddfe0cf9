"""The suite `drift`: people who change by hand, followers whose answers are known, tables and going on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.drift.counting import AFTER, FALSE, NEVER, NOTICED, TURN, _median, _share
from counterpoint.evaluation.drift.following import _turned, follow
from counterpoint.evaluation.drift.lives import Change, Life, aligned, draw_lives, prove_alignment, usable
from counterpoint.evaluation.suite import Oracle
from counterpoint.evaluation.suites.drift import DriftConfig, check_drift, run_drift
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet
from counterpoint.users.belief import Belief
from counterpoint.users.model import Observation, Question
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas

DATA = DataSet("made up", TWO_PAIRS, made_up_dilemmas(24))
TEST = usable(DATA, TWO_PAIRS)
FEW = DriftConfig(seeds=1, people=4, before=6, after=9, span=4, moments=(-3, 0, 1, 5, 9), noises=(0.0,), resamples=100)


def lives(change: Change, **more: Any) -> list[Life]:
    settings: dict[str, Any] = {
        "noise": 0.0,
        "people": 4,
        "before": 6,
        "after": 9,
        "span": 4,
        "questions": 5,
        "seed": 0,
    }
    return draw_lives(TEST, TWO_PAIRS, change=change, **(settings | more))


@pytest.mark.parametrize(
    ("change", "shares"),
    [("flip", [1, 1, 0, 0]), ("drift", [1, 1, 0.75, 0]), ("steady", [1, 1, 1, 1])],  # before choices 0, 5, 7 and 14
)
def test_people_choose_as_they_lean(change: Change, shares: list[float]) -> None:
    for life in lives(change):
        pole = TWO_PAIRS.poles[life.cell].name
        assert not {i for i, _ in life.chosen} & set(life.asked)
        for step, share in zip((0, 5, 7, 14), shares, strict=True):
            dilemma, option = life.chosen[step]
            if share in (0, 1):
                assert (TEST[dilemma].options[option].pole == pole) == bool(share)
            gold = TEST[life.asked[0]].gold(pole)[0]
            assert aligned(life, TEST[life.asked[0]], gold, step, TWO_PAIRS) == share
    prove_alignment(lives(change), TEST, (0, 5, 7, 14), TWO_PAIRS)


def test_the_same_people_meet_every_change() -> None:
    assert [(a.cell, a.asked, a.chosen[:6]) for a in lives("flip")] == [
        (b.cell, b.asked, b.chosen[:6]) for b in lives("steady")
    ]
    assert lives("flip", seed=1)[0].asked != lives("flip")[0].asked


def test_a_grader_that_takes_the_other_side_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoint.evaluation.drift.lives.aligned", lambda *_: 1.0)
    with pytest.raises(BadInputError, match="not graded as it is"):
        prove_alignment(lives("flip"), TEST, (0,), TWO_PAIRS)


@dataclass(frozen=True)
class Last:
    """Believes the last choice, and announces a change at a choice of number `says`."""

    says: int = 10**9

    def prior(self) -> tuple[int, float]:
        return (0, 0.0)

    def update(self, state: tuple[int, float], observation: Observation) -> tuple[int, float]:
        assert observation.question.dilemma is not None
        pole = observation.question.dilemma.options[observation.chosen].pole
        return (state[0] + 1, 1.0 if pole in ("Risk-taking", "Immediate gratification") else -1.0)

    def predict(self, state: tuple[int, float], question: Question) -> Any:
        assert question.dilemma is not None
        pair = TWO_PAIRS.by_name[question.dilemma.value_pair]
        pole = pair.positive if state[1] >= 0 else pair.negative
        return np.eye(len(question.dilemma.options))[question.dilemma.gold(pole.name)[0]]

    def belief(self, state: tuple[int, float], time: float | None = None, scene: str = "") -> Belief:  # noqa: ARG002
        return replace(Belief.flat(2), mean=np.full(2, state[1]), changed=float(state[0] >= self.says))


def test_somebody_who_believes_the_last_choice_turns_round_at_once() -> None:
    questions = [Question(np.zeros((len(d.options), 2)), np.zeros(len(d.options)), dilemma=d) for d in TEST]
    for life in lives("flip"):
        found = follow(Last(says=8), life, questions, TEST, TWO_PAIRS, before=6, moments=(-3, 0, 1, 9))
        assert [set(moment) for moment in found.right] == [{1.0}, {0.0}, {1.0}, {1.0}]
        assert (found.turned, found.alarm) == (1, 8)
    steady = follow(Last(), lives("steady")[0], questions, TEST, TWO_PAIRS, before=6, moments=(1,))
    assert (steady.turned, steady.alarm) == (None, None)


def test_turning_round_takes_three_in_a_row() -> None:
    assert _turned([-1, 1, -1, 1, 1, 1, 1], 1) == 4
    assert _turned([1, 1, 0, 1, 1], 1) is None


def test_shares_have_exact_intervals_and_medians_a_count() -> None:
    # 0 of 10: 1 - 0.025 ** (1 / 10) = 0.3085
    assert _share(0, 10) == {"mean": 0, "ci_low": 0, "ci_high": 0.308497, "n": 10}
    assert _median([], 100)["mean"] is None
    assert _median([3, 3, 3], 100) == {"mean": 3, "ci_low": 3, "ci_high": 3, "n": 3, "statistic": "median"}


def test_with_a_perfect_reader_flips_are_followed_and_a_stopped_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterpoint.evaluation.suite.SURE", 3.0)
    made = []

    def trainer(seed: int, _: Any) -> Scorer:
        made.append(seed)
        return Oracle(right=True)

    def run() -> dict[str, Any]:
        folder = RunFolder(tmp_path, "x", "")
        try:
            return run_drift(DATA, DATA, trainer, FEW, folder=folder)
        finally:
            folder.close()

    results = run()
    rows = {(r["method"], r["change"], r["metric"], r.get("since")): r for r in results["summary"]}
    assert rows["drifting", "flip", "alignment", -3]["mean"] == 1
    assert rows["drifting", "flip", "alignment", 0]["mean"] == 0
    assert rows["drifting", "flip", "alignment", 9]["mean"] == 1
    assert rows["drifting", "flip", TURN, None]["mean"] < rows["gaussian", "flip", TURN, None]["mean"]
    assert rows["pooled", "flip", NEVER, None]["mean"] == 1
    assert rows["pooled", "flip", TURN, None]["mean"] == 10  # one more than there are choices
    assert rows["drifting", "steady", FALSE, None]["mean"] == 0
    assert rows["gaussian", "flip", NOTICED, None]["mean"] == 0
    assert {row["metric"] for row in results["paired"]} == {AFTER}
    (tmp_path / "parts" / "pooled-flip-0-seed0.json").unlink()
    again = run()
    assert made == [0, 0]
    assert {k: v for k, v in again.items() if k != "seconds"} == {k: v for k, v in results.items() if k != "seconds"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"people": 0}, "people must be at least 1"),
        ({"moments": (0,)}, "one at least above 0"),
        ({"moments": (1, 1)}, "must be different"),
        ({"noises": (2.0,)}, "between 0 and 1"),
        ({"methods": ("gausian",)}, "Did you mean 'gaussian'"),
    ],
)
def test_what_cant_work_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises((BadInputError, UnknownNameError), match=said):
        check_drift(replace(DriftConfig(), **wrong))
    with pytest.raises(BadInputError, match="no value pair has 4"):
        usable(DataSet("few", TWO_PAIRS, made_up_dilemmas(4)), TWO_PAIRS)


def test_a_pair_without_enough_dilemmas_is_left_out() -> None:
    risk = [d for d in DATA.dilemmas if d.value_pair == RISK]
    others = [d for d in DATA.dilemmas if d.value_pair != RISK][:2]
    assert {d.value_pair for d in usable(DataSet("few", TWO_PAIRS, (*risk, *others)), TWO_PAIRS)} == {RISK}
