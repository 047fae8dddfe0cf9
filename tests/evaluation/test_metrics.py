"""What is measured: by hand, against slow definitions, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from counterpoint.evaluation.metrics import (
    Answer,
    Metric,
    acc_all,
    acc_one,
    choose,
    confidence,
    expected_calibration_error,
    measure,
    negative_log_likelihood,
    reliability,
    select,
    serves,
    set_metrics,
)


def answer(gold: tuple[int, ...], selected: tuple[int, ...], *, sure: float | None = 0.5, options: int = 5) -> Answer:
    """An answer that chose the first option it selected."""
    even = (-math.log(options),) * options
    return Answer("d", "Risk Orientation", "Risk-taking", gold, even, selected[0], selected, sure)


index_sets = st.sets(st.integers(0, 4), min_size=1).map(lambda found: tuple(sorted(found)))
answers = st.lists(st.builds(answer, index_sets, index_sets, sure=st.floats(0, 1)), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("selected", "gold", "expected"),
    [
        ((0, 2), (0, 2), 1.0),  # the gold set
        ((2, 0), (0, 2), 1.0),  # in any order
        ((0,), (0, 2), 0.5),  # half of it
        ((1, 3), (1, 2, 3), 2 / 3),
        ((0, 1), (0, 2), 0.0),  # a wrong one spoils it
        ((0, 1, 2), (0, 2), 0.0),
        ((1,), (0, 2), 0.0),
        ((), (0, 2), 0.0),
    ],
)
def test_acc_all_by_hand(selected: tuple[int, ...], gold: tuple[int, ...], expected: float) -> None:
    assert acc_all(selected, gold) == expected


@given(index_sets, index_sets)
def test_acc_all_equals_its_definition(selected: tuple[int, ...], gold: tuple[int, ...]) -> None:
    if set(selected) == set(gold):
        expected = 1.0
    elif any(option not in gold for option in selected):
        expected = 0.0
    else:
        expected = sum(option in selected for option in gold) / len(gold)
    assert acc_all(selected, gold) == expected


def test_acc_one_asks_whether_the_option_chosen_is_on_the_side() -> None:
    assert acc_one(answer((1, 3), (3, 0))) == 1.0
    assert acc_one(answer((1, 3), (0, 3))) == 0.0


@given(answers)
def test_precision_recall_and_f1_equal_scikit_learn_s_micro_averages(found: list[Answer]) -> None:
    def table(sets: list[tuple[int, ...]]) -> list[list[int]]:
        return [[int(i in members) for i in range(5)] for members in sets]

    expected = precision_recall_fscore_support(
        table([a.gold for a in found]), table([a.selected for a in found]), average="micro", zero_division=0
    )
    metrics = set_metrics(found)
    values = [metrics[name].value for name in ("precision", "recall", "f1")]
    assert values == pytest.approx(list(expected[:3]))
    assert {metric.n for metric in metrics.values()} == {len(found)}


def test_ece_by_hand() -> None:
    # bins of width 1/2, closed above: (0, 0.5] holds 0.5 right and 0.2 wrong: |1/2 - 0.35| = 0.15;
    # (0.5, 1] holds 0.6 right, 1.0 right: |1 - 0.8| = 0.2. ECE = (2 * 0.15 + 2 * 0.2) / 4 = 0.175
    right, wrong = ((0,), (0,)), ((1,), (0,))
    found = [answer(*right, sure=0.5), answer(*wrong, sure=0.2), answer(*right, sure=0.6), answer(*right, sure=1.0)]
    metric = expected_calibration_error(found, bins=2)
    assert metric.n == 4
    assert metric.value == pytest.approx(0.175, abs=1e-12)
    bins = reliability(found, bins=2)
    assert [(b.n, b.accuracy) for b in bins] == [(2, 0.5), (2, 1.0)]
    assert [b.confidence for b in bins] == pytest.approx([0.35, 0.8])


@given(answers)
def test_every_confidence_is_in_one_bin_zero_and_one_too(found: list[Answer]) -> None:
    bins = reliability(found)
    assert sum(b.n for b in bins) == len(found)
    assert sum(b.n * b.accuracy for b in bins) == pytest.approx(sum(acc_one(a) for a in found))
    ece = expected_calibration_error(found)
    assert ece.value is not None
    # no binning can show more than the mean gap an answer has, nor less than the gap of all answers together
    gaps = [acc_one(a) - a.confidence for a in found if a.confidence is not None]
    assert abs(np.mean(gaps)) - 1e-9 <= ece.value <= np.mean(np.abs(gaps)) + 1e-9


def test_undefined_is_none_with_its_count_never_zero() -> None:
    assert set(measure([]).values()) == {Metric(None, 0)}
    rule = Answer("d", "Risk Orientation", "Risk-taking", (0,), (), 0, (0,), None)
    metrics = measure([rule])
    assert metrics["acc_one"] == Metric(1.0, 1)
    assert metrics["ece"] == metrics["nll"] == Metric(None, 0)
    assert reliability([rule]) == []


def test_what_cannot_be_read_is_wrong_and_counted() -> None:
    def said(chosen: int | None, selected: tuple[int, ...]) -> Answer:
        return Answer("d", "Risk Orientation", "Risk-taking", (0, 1), (), chosen, selected, None, ("one", "several"))

    metrics = measure([said(0, (0, 1)), said(None, (0, 1)), said(1, ()), said(None, ())])
    assert metrics["acc_one"] == Metric(2 / 4, 4)
    assert metrics["acc_all"] == Metric(2 / 4, 4)
    assert metrics["precision"] == Metric(4 / 4, 4)
    assert metrics["recall"] == Metric(4 / 8, 4)
    assert metrics["unreadable"] == Metric(4 / 8, 4)  # replies 2, 3, 4a and 4b of eight
    assert metrics["ece"] == metrics["nll"] == Metric(None, 0)
    assert "unreadable" not in measure([answer((0,), (0,))]), "nothing was said"


def test_the_option_chosen_is_the_likeliest_the_first_of_equals() -> None:
    assert choose(np.log([0.2, 0.4, 0.4])) == 1


def test_options_are_selected_by_the_acc_all_that_the_scorer_expects() -> None:
    # probabilities to serve the target: 0.5 / 0.6, 0.2 / 0.9, 0.3 / 0.5, that is 5/6, 2/9, 3/5. Expected Acc_all:
    # {0}: 5/6 (2/5 7/9 + (2/5 2/9 + 3/5 7/9) / 2 + 3/5 2/9 / 3) = 0.528; {0, 2}: 5/6 3/5 (7/9 + 2/9 2/3) = 0.463
    target, opposite = np.log([0.5, 0.2, 0.3]), np.log([0.1, 0.7, 0.2])
    assert select(target, opposite) == (0,)
    assert select(opposite, target) == (1,)
    # 0.9, 0.1, 0.8: {0}: 0.9 (0.2 0.9 + (0.2 0.1 + 0.8 0.9) / 2 + 0.8 0.1 / 3) = 0.519; {0, 2}: 0.72 (0.9 + 0.1 2/3)
    sure = np.log([0.45, 0.05, 0.4]), np.log([0.05, 0.45, 0.1])
    assert select(*sure) == (0, 2)
    assert select(target, target) == (0,), "no evidence: an empty answer is no answer"


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=2, max_size=5))
def test_no_other_set_has_a_higher_expected_acc_all(shares: list[tuple[float, float]]) -> None:
    target, opposite = np.log(np.array(shares)).T
    right = serves(target, opposite)
    sets = [tuple(i for i in range(len(shares)) if number >> i & 1) for number in range(1, 2 ** len(shares))]

    def expected(selected: tuple[int, ...]) -> float:
        """Sum over all sets that may be the gold one."""
        return sum(
            acc_all(selected, gold) * math.prod(p if i in gold else 1 - p for i, p in enumerate(right)) for gold in sets
        )

    assert expected(select(target, opposite)) == pytest.approx(max(map(expected, sets)))


def test_confidence_is_the_share_of_the_target_pole_in_the_chosen_option() -> None:
    # chosen: option 0 with 0.6; under the opposite 0.2: 0.6 / (0.6 + 0.2) = 0.75
    assert confidence(np.log([0.6, 0.4]), np.log([0.2, 0.8])) == pytest.approx(0.75)
    assert confidence(np.log([0.6, 0.4]), np.log([0.6, 0.4])) == pytest.approx(0.5)
    assert confidence(np.array([0.0, -80.0]), np.array([-80.0, 0.0])) == pytest.approx(1.0)
    assert confidence(np.array([-0.7, -0.7]), np.array([-1e6, 0.0])) == 1.0


def test_nll_is_of_all_right_options_together() -> None:
    log_probs = tuple(math.log(p) for p in (0.5, 0.25, 0.125, 0.125))
    found = Answer("d", "Risk Orientation", "Risk-taking", (1, 2, 3), log_probs, 1, (1,), 0.5)
    assert negative_log_likelihood(found) == pytest.approx(math.log(2))
    assert measure([found])["nll"] == Metric(pytest.approx(math.log(2)), 1)
