"""From answers to tables: means over poles and seeds, paired differences, words that claim no more than was shown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterpoint.evaluation.metrics import Answer, expected_calibration_error, measure
from counterpoint.evaluation.tables import METRICS, Cell, Evaluation, rounded, verdict
from small_encoder import TWO_PAIRS

RISK_POLES, TIME_POLES = ([pole.name for pole in pair.poles] for pair in TWO_PAIRS)
PAIRS = {pole: pair.name for pair in TWO_PAIRS for pole in (p.name for p in pair.poles)}


def answer(dilemma: str, pole: str, *, right: bool, sure: float | None = 0.9) -> Answer:
    """Option 0 is right, option 1 wrong."""
    chosen = 0 if right else 1
    even = (math.log(0.5),) * 2 if sure is not None else ()
    return Answer(dilemma, PAIRS[pole], pole, (0,), even, chosen, (chosen,), sure)


def cell(method: str, seed: int, *answers: Answer, changed: float = 0.0) -> Cell:
    return Cell(method, seed, answers, (changed,) * len(answers))


def evaluation(*cells: Cell, units: dict[str, str] | None = None) -> Evaluation:
    ids = {a.dilemma for c in cells for a in c.answers}
    return Evaluation(cells, TWO_PAIRS, units or {name: name for name in ids})


def row(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    [found] = [r for r in rows if all(r[key] == value for key, value in wanted.items())]
    return found


TAKING, AVERSE = RISK_POLES
NOW, LATER = TIME_POLES


def test_a_summary_is_a_mean_over_poles_and_seeds_not_over_answers() -> None:
    # seed 0: Risk-taking 3 of 4 right, Immediate 0 of 1; seed 1: Risk-taking 1 of 1, Immediate 1 of 1
    # cell means 3/4, 0, 1, 1: mean 11/16 (over answers it would be 5/7); seeds' means 3/8 and 1
    first = [answer(f"r{i}", TAKING, right=i > 0) for i in range(4)] + [answer("t0", NOW, right=False)]
    second = [answer("r0", TAKING, right=True), answer("t0", NOW, right=True)]
    tables = evaluation(cell("pft", 0, *first), cell("pft", 1, *second))
    found = row(tables.summary(), metric="acc_one")
    assert found["mean"] == 11 / 16
    assert found["sd_seeds"] == pytest.approx(abs(3 / 8 - 1) / math.sqrt(2), abs=1e-6)
    assert (found["seeds"], found["n"], found["undefined"]) == (2, 7, 0)
    assert found["ci_low"] <= found["mean"] <= found["ci_high"]
    rows = tables.rows()
    assert row(rows, seed=0, pole=TAKING, metric="acc_one")["value"] == 0.75
    assert row(rows, seed=0, pole=TAKING, metric="acc_one")["n"] == 4
    assert {r["pole"] for r in rows} == {TAKING, NOW}, "poles without any answer have no rows"
    pole = row(tables.per_pole(), pole=TAKING)
    assert (pole["mean"], pole["n"]) == ((3 / 4 + 1) / 2, 5)


def test_every_metric_of_the_rows_averages_to_the_summary_s() -> None:
    draw = np.random.default_rng(0)
    cells = [
        cell(
            "pft",
            seed,
            *(
                answer(f"{pole[:2]}{i}", pole, right=bool(draw.integers(0, 2)), sure=float(draw.random()))
                for pole in (TAKING, AVERSE, NOW, LATER)
                for i in range(6)
            ),
            changed=0.25,
        )
        for seed in range(2)
    ]
    tables = evaluation(*cells)
    for metric in METRICS:
        found = row(tables.summary(), metric=metric)["mean"]
        if metric == "ece":  # pooled over poles within a seed
            expected = np.mean([expected_calibration_error(c.answers).value for c in cells])
        else:
            expected = np.mean([r["value"] for r in tables.rows() if r["metric"] == metric])
        assert found == pytest.approx(expected, abs=2e-6), metric
    assert set(measure(())) | {"order_effect"} == set(METRICS)


def test_unreadable_replies_have_rows_where_a_method_was_asked_in_words() -> None:
    heard = answer("r0", TAKING, right=True)
    mute = replace(heard, log_probs=(), confidence=None, chosen=None, selected=(), replies=("?", "?"))
    half = replace(mute, dilemma="r1", chosen=0)
    tables = evaluation(cell("said", 0, mute, half), cell("scored", 0, heard, replace(heard, dilemma="r1")))
    found = {r["method"]: r for r in tables.summary() if r["metric"] == "unreadable"}
    assert found["said"]["mean"] == 0.75
    assert found["scored"]["mean"] is None
    assert not [r for r in evaluation(cell("scored", 0, heard)).summary() if r["metric"] == "unreadable"]


def test_an_undefined_value_is_none_with_its_count() -> None:
    rule = cell("rule", 0, answer("r0", TAKING, right=True, sure=None))
    other = cell("pft", 0, answer("r0", TAKING, right=True), answer("t0", NOW, right=True))
    tables = evaluation(other, rule)
    for metric in ("ece", "nll"):
        found = row(tables.summary(), method="rule", metric=metric)
        assert [found[key] for key in ("mean", "ci_low", "ci_high", "sd_seeds")] == [None] * 4
        assert found["undefined"] > 0
    found = row(tables.rows(), method="rule", pole=NOW, metric="acc_one")
    assert (found["value"], found["n"]) == (None, 0)
    assert row(tables.summary(), method="rule", metric="acc_one")["undefined"] == 1
    assert [r["method"] for r in tables.calibration()] == ["pft"]


def test_a_paired_difference_is_on_the_answers_both_gave() -> None:
    # in common: r0 and r1, where pft is right twice and base once: difference (1 - 1 + 1 - 0) / 2 = 1/2
    pft = cell("pft", 0, *(answer(f"r{i}", TAKING, right=True) for i in range(3)))
    base = cell("base", 0, answer("r0", TAKING, right=True), answer("r1", TAKING, right=False))
    found = row(evaluation(pft, base).paired({}), metric="acc_one")
    assert (found["a"], found["b"], found["difference"]) == ("pft", "base", 0.5)
    assert found["p_value"] == 1.0  # one unit that differs: 2 of 2 flips are as extreme
    assert found["verdict"] == "no difference shown between pft and base"


def test_scenarios_are_the_units_over_poles_seeds_and_dilemmas() -> None:
    # ten dilemmas of five scenarios, all right against all wrong: 5 units, so p = 2 / 2^5; as 20 units it would be ~0
    names = [f"r{i}" for i in range(10)]
    units = {name: f"scenario {i // 2}" for i, name in enumerate(names)}
    cells = [
        cell(method, seed, *(answer(name, pole, right=right) for name in names for pole in RISK_POLES))
        for method, right in (("pft", True), ("base", False))
        for seed in range(2)
    ]
    assert row(evaluation(*cells, units=units).paired({}), metric="acc_one")["p_value"] == 2 / 2**5


def test_holm_s_correction_is_over_all_pairs_of_a_metric_and_verdicts_follow_it() -> None:
    def answers(wrong: int) -> list[Answer]:
        return [answer(f"r{i}", TAKING, right=i >= wrong) for i in range(12)]

    # a - b: 6 units differ, p = 2 / 2^6 = 0.03125, times 3 = 0.09375; a - c and b - c: 12 and 6 units
    cells = [cell("a", 0, *answers(0)), cell("b", 0, *answers(6)), cell("c", 0, *answers(12))]
    rows = [r for r in evaluation(*cells).paired({"a": "A", "c": "C"}) if r["metric"] == "acc_one"]
    assert [(r["a"], r["b"]) for r in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [r["p_value"] for r in rows] == pytest.approx([2 / 2**6, 2 / 2**12, 2 / 2**6], abs=1e-6)
    assert [r["p_holm"] for r in rows] == pytest.approx([4 / 2**6, 6 / 2**12, 4 / 2**6], abs=1e-6)
    assert [r["verdict"] for r in rows] == [
        "no difference shown between A and b",
        "A is ahead of C",
        "no difference shown between b and C",
    ]


@pytest.mark.parametrize(
    ("difference", "p", "low", "high", "said"),
    [
        (0.1, 0.01, 0.05, 0.2, "PFT is ahead of SFT"),
        (-0.1, 0.01, -0.2, -0.05, "SFT is ahead of PFT"),
        (0.1, 0.05, 0.0, 0.2, "no difference shown between PFT and SFT"),
        (0.0, 1.0, 0.0, 0.0, "PFT and SFT tie exactly"),
        (0.0, 1.0, -0.1, 0.1, "no difference shown between PFT and SFT"),
        (None, None, None, None, "PFT and SFT have no answers in common"),
    ],
)
def test_no_winner_is_named_that_the_corrected_p_value_does_not_support(
    difference: float | None, p: float | None, low: float | None, high: float | None, said: str
) -> None:
    found = {"a": "pft", "b": "sft", "difference": difference, "p_holm": p, "ci_low": low, "ci_high": high}
    assert verdict(found, {"pft": "PFT", "sft": "SFT"}) == said


def test_numbers_for_files_have_six_decimals_and_no_nan() -> None:
    assert rounded(1 / 3) == 0.333333
    assert rounded(float("nan")) is None
    assert rounded(None) is None
