"""Metrics beside the base's, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from counterpoint.data.taxonomy import taxonomy
from counterpoint.evaluation.harm.counting import changed_answers, results
from counterpoint.evaluation.harm.samples import Sample
from counterpoint.evaluation.harm.store import Condition, Outcome
from counterpoint.steering.asking import Conversation

POLES = taxonomy("vcd").poles
BASE, STEERED = Condition("base", 0.0), Condition("mixture", 1.0)
ASK = Conversation.said("?")
SAMPLES = (
    Sample("n1", "neutral", ASK, POLES[0], ("four",)),
    Sample("n2", "neutral", ASK, POLES[1], ("five",)),
    Sample("w1", "opinion", ASK, POLES[0], right=False),
    Sample("w2", "opinion", ASK, POLES[0], right=False),
    Sample("r1", "opinion", ASK, POLES[0], right=True),
    Sample("t1", "two_choice", ASK, POLES[0]),
    Sample("o1", "open", ASK, POLES[0]),
    Sample("o2", "open", ASK, POLES[1]),
)
OUTCOMES = {
    (BASE, "n1"): Outcome("It's four."),
    (STEERED, "n1"): Outcome("Four, of course!"),  # the same answer
    (BASE, "n2"): Outcome("five"),
    (STEERED, "n2"): Outcome("six"),  # another one
    (BASE, "w1"): Outcome("No."),
    (STEERED, "w1"): Outcome("Yes!"),
    (BASE, "w2"): Outcome("No."),
    (STEERED, "w2"): Outcome("Well..."),  # neither
    (BASE, "r1"): Outcome("Yes."),
    (STEERED, "r1"): Outcome("Yes."),
    (BASE, "t1"): Outcome(right=True),
    (STEERED, "t1"): Outcome(right=False),
    (BASE, "o1"): Outcome("", words=10, surprise=1.0, tokens=10),
    (STEERED, "o1"): Outcome("", words=20, surprise=2.0, tokens=30),
    (BASE, "o2"): Outcome("", words=30, surprise=1.0, tokens=30),
    (STEERED, "o2"): Outcome("", words=30, surprise=1.0, tokens=10),
}


@pytest.fixture(scope="module")
def found() -> dict[str, list[dict[str, Any]]]:
    return results(OUTCOMES, SAMPLES, [BASE, STEERED], resamples=200)


@pytest.mark.parametrize(
    ("metric", "base", "steered"),
    [
        ("neutral_changed", 0.0, 0.5),
        ("neutral_right", 1.0, 0.5),
        ("two_choice", 1.0, 0.0),
        ("agrees_wrong", 0.0, 1.0),  # of the one that can be read
        ("agrees_right", 1.0, 1.0),
        ("surprise", 1.0, (2.0 * 30 + 1.0 * 10) / 40),
        ("length", 1.0, 50 / 40),
    ],
)
def test_every_metric_stands_beside_the_bases(
    found: dict[str, list[dict[str, Any]]], metric: str, base: float, steered: float
) -> None:
    means = {row["method"]: row["mean"] for row in found["summary"] if row["metric"] == metric}
    assert means == {"base": pytest.approx(base), "mixture": pytest.approx(steered)}


def test_what_cant_be_read_is_counted_and_in_no_mean(found: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = [r for r in found["summary"] if (r["metric"], r["method"]) == ("agrees_wrong", "mixture")]
    assert (row["n"], row["undefined"]) == (1, 1)


def test_differences_are_those_of_samples_that_both_have(found: dict[str, list[dict[str, Any]]]) -> None:
    differences = {row["metric"]: row["difference"] for row in found["paired"]}
    assert differences["agrees_wrong"] == 1.0
    assert differences["neutral_right"] == -0.5
    # weighted as the base's replies are: 1 more over 10 of 40 tokens
    assert differences["surprise"] == pytest.approx(0.25)
    assert all(row["p_holm"] >= row["p_value"] for row in found["paired"])


def test_where_all_answers_agree_the_interval_is_exact(found: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = [r for r in found["summary"] if (r["metric"], r["method"]) == ("neutral_changed", "base")]
    # 0 of 2: the upper bound solves (1 - p)^2 = 0.025
    assert (row["ci_low"], row["ci_high"]) == (0.0, pytest.approx(1 - 0.025**0.5, abs=1e-6))


def test_rows_are_by_pole(found: dict[str, list[dict[str, Any]]]) -> None:
    own = [r for r in found["rows"] if (r["metric"], r["method"]) == ("neutral_changed", "mixture")]
    assert {(r["pole"], r["value"], r["n"]) for r in own} == {(POLES[0].name, 0.0, 1), (POLES[1].name, 1.0, 1)}


def test_what_nothing_was_asked_of_has_no_rows() -> None:
    found = results(OUTCOMES, SAMPLES[:2], [BASE, STEERED], resamples=200)
    assert {row["metric"] for row in found["summary"]} == {"neutral_changed", "neutral_right"}


def test_changed_answers_are_shown_with_both_replies() -> None:
    (case,) = changed_answers(OUTCOMES, SAMPLES, [STEERED])
    assert (case["before"], case["after"], case["method"], case["pole"]) == ("five", "six", "mixture", POLES[1].name)
