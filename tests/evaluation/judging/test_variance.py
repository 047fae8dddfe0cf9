"""Variance components of verdicts: by hand, and unbiased where numbers are uneven."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.evaluation.judge import JudgeItem, Verdict
from counterpoint.evaluation.judging.variance import components, of_verdicts


def test_a_small_table_by_hand() -> None:
    # two questions, two answers each, two verdicts each
    scores = [[[1, 3], [5, 7]], [[8, 8], [6, 10]]]
    # answers' means 2 6 | 8 8, questions' 4 | 8, grand 6
    # judge:    1+1 + 1+1 + 0+0 + 4+4 = 12 over 8 - 4            = 3
    # answer:   2 (2^2 + 2^2) + 0 = 16 over 4 - 2 = 8;  (8 - 3) / 2 = 2.5   (k1 = 2)
    # question: 4 (2^2 + 2^2) = 32 over 1 = 32;  (32 - 3 - 2 * 2.5) / 4 = 6
    found = components(scores)
    assert (found.judge, found.answer, found.question) == (3, 2.5, 6)
    assert (found.questions, found.answers, found.verdicts) == (2, 4, 8)
    assert found.reliability(1) == pytest.approx(8.5 / 11.5)
    assert found.reliability(3) == pytest.approx(8.5 / 9.5)


def test_uneven_numbers_leave_the_estimates_unbiased() -> None:
    rng = np.random.default_rng(0)
    shape = [[3, 1, 2], [1, 1], [4], [2, 2, 2, 1], [1, 3]]
    drawn = []
    for _ in range(4000):
        scores = []
        for sizes in shape:
            question = 2 * rng.normal()
            scores.append([list(question + 1.5 * rng.normal() + rng.normal(size=n)) for n in sizes])
        found = components(scores)
        drawn.append([found.judge, found.answer, found.question])
    mean, error = np.mean(drawn, axis=0), np.std(drawn, axis=0) / np.sqrt(len(drawn))
    assert np.all(np.abs(mean - [1.0, 2.25, 4.0]) < 4 * error)


def test_what_cant_be_told_is_none() -> None:
    assert components([]).judge is None
    one_each = components([[[1], [3]], [[2], [6]]])
    assert (one_each.judge, one_each.reliability(2)) == (None, None)
    # 1 + 1 + 4 + 4 = 10 over 2
    assert one_each.answer == 5
    assert components([[[1, 2]]]).question is None


def test_failed_verdicts_are_left_out() -> None:
    items = {name: JudgeItem(name, "Q", name, {}) for name in "ab"}
    verdicts = [
        Verdict(items[name], "r", "j", score, repeat=repeat, error=None if score else "malformed")
        for name, scores in (("a", (1.0, 3.0, None)), ("b", (5.0, None, 7.0)))
        for repeat, score in enumerate(scores)
    ]
    found = of_verdicts(verdicts)
    assert (found.verdicts, found.judge, found.answer) == (4, 2, 7)  # (16 / 1 - 2) / 2
