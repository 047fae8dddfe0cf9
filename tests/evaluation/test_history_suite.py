"""The history experiment, with scorers that read words: who reads both poles wins, who reads one serves half."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax

from counterpoint.errors import BadInputError
from counterpoint.evaluation.history.counting import Answers, pigeonhole
from counterpoint.evaluation.history.visits import draw_visitors
from counterpoint.evaluation.suites.history import METHODS, HistoryConfig, run_history
from counterpoint.types import DataSet, Dilemma, Pole
from users.small import TAXONOMY, dilemma

CONFIG = HistoryConfig(
    histories=(1, 3), people=12, seeds=1, noises=(0.0, 0.2), newcomers=12, questions=6, resamples=100
)


class Trained:
    """Knows the words of the poles it was trained on; of a prompt it reads the first word it knows."""

    name = "trained"

    def __init__(self, objective: str) -> None:
        sides = {"sft_positive": (0,), "sft_negative": (1,)}.get(objective, (0, 1))
        self.words = [pair.poles[side].description for pair in TAXONOMY for side in sides]

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[NDArray[np.float32]]:
        return [self._one(d, p) for d, p in zip(dilemmas, poles, strict=True)]

    def _one(self, shown: Dilemma, poles: Sequence[Pole]) -> NDArray[np.float32]:
        rows = []
        for pole in poles:
            known = [word for word in pole.description.split() if word in self.words][:1]
            rows.append([2.0 * sum(word in o.text.split() for word in known) for o in shown.options])
        return np.asarray(log_softmax(np.array(rows), axis=1), np.float32)

    def save(self, folder: Path) -> None:
        (folder / "words.txt").write_text(" ".join(self.words))

    def describe(self) -> dict[str, Any]:
        poles = [{"name": pole.name, "description": pole.description} for pole in TAXONOMY.poles]
        return {"words": self.words, "poles": poles}


def trained(objective: str, _: object, __: int, ___: object) -> Trained:
    return Trained(objective)


def world(count: int) -> DataSet:
    rows = [dilemma(f"r{i}", f"leap {i}", f"guard {i}", f"guard more {i}") for i in range(count)]
    rows += [dilemma(f"p{i}", f"fast {i}", f"slow {i}", pair="Pace") for i in range(count)]
    return DataSet("small", TAXONOMY, tuple(rows))


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return run_history(world(12), world(12), trained, CONFIG)


def alignment(results: dict[str, Any], method: str, history: int = 3) -> float:
    rows = results["summary"]
    found = [
        r for r in rows if (r["method"], r["metric"], r["history"], r["noise"]) == (method, "alignment", history, 0)
    ]
    (row,) = found
    assert row["ci_low"] <= row["mean"] <= row["ci_high"]
    return float(row["mean"])


def test_beliefs_over_both_poles_serve_everybody(results: dict[str, Any]) -> None:
    assert alignment(results, "belief") == 1.0


def test_a_model_of_one_pole_serves_its_own_half(results: dict[str, Any]) -> None:
    # Under its own instruction it takes its side always: right for half the people, and never for the others.
    assert alignment(results, "single_preference") == pytest.approx(0.5)


def test_the_relative_gain_is_the_ratio_less_one(results: dict[str, Any]) -> None:
    rows = {(r["method"], r["history"], r["noise"]): r for r in results["summary"] if r["metric"] == "relative_gain"}
    assert rows["belief", 3, 0.0]["mean"] == pytest.approx(1.0)
    assert rows["belief", 3, 0.0]["over"] == "single_preference"
    assert ("single_preference", 3, 0.0) not in rows


def test_rows_hold_every_method_pole_and_history(results: dict[str, Any]) -> None:
    rows = results["rows"]
    clean = [r for r in rows if r["noise"] == 0]
    assert len(clean) == len(METHODS) * 4 * 2
    assert {r["history"] for r in rows if r["noise"] > 0} == {3}
    assert all(r["n"] == 3 * 6 and r["metric"] == "alignment" for r in clean)
    assert results["schema"] == "counterpoint.results/1"


def test_every_comparison_is_paired_with_the_proposal(results: dict[str, Any]) -> None:
    (row,) = [r for r in results["paired"] if (r["b"], r["history"], r["noise"]) == ("single_preference", 3, 0)]
    assert row["a"] == "belief"
    assert row["difference"] == pytest.approx(0.5)
    assert row["p_value"] <= 0.05


def test_too_few_dilemmas_are_refused() -> None:
    with pytest.raises(BadInputError, match="the longest history needs 4"):
        run_history(world(12), world(3), trained, CONFIG)


def test_the_bootstrap_draws_people_and_dilemmas_anew() -> None:
    rng = np.random.default_rng(0)
    right = (rng.random((40, 30)) < 0.7).astype(float)
    right[:, ::3] = np.nan
    cells = np.arange(40) % 4
    means = pigeonhole([Answers(right, cells, np.zeros(40, dtype=np.intp), np.arange(30))], resamples=400)[0]
    assert means[0] == pytest.approx(np.mean([np.nanmean(right[cells == c]) for c in range(4)]))
    # 800 independent answers have a binomial standard error of 0.016; drawing people and dilemmas up to sqrt 3 of it.
    assert 0.012 < means[1:].std() < 0.032


def test_nobody_is_asked_what_they_answered_before() -> None:
    visitors = draw_visitors(world(12).dilemmas, TAXONOMY, np.random.default_rng(0), people=12, longest=3, questions=6)
    assert all(not set(v.history) & set(v.questions) and len(v.questions) == 6 for v in visitors)
    assert {v.cell for v in visitors} == {0, 1, 2, 3}
