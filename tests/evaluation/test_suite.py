"""A suite's grader is proved: gold is graded 1 and its opposite 0, or the suite doesn't run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from counterpoint.errors import BadInputError
from counterpoint.evaluation.metrics import Answer
from counterpoint.evaluation.suite import Oracle, by_sample, prove_grader
from counterpoint.evaluation.suites.conflict import Conflict
from counterpoint.evaluation.suites.vcd import Vcd
from counterpoint.types import DataSet
from users.small import TAXONOMY, dilemma

DATA = DataSet("small", TAXONOMY, (dilemma("a", "leap", "guard"), dilemma("b", "leap", "guard", "guard more")))


@dataclass(frozen=True)
class Lenient(Vcd):
    """Takes anything."""

    def grade(self, answers: Sequence[Answer]) -> float:  # noqa: ARG002
        return 1.0


@dataclass(frozen=True)
class Strict(Vcd):
    """Takes nothing."""

    def grade(self, answers: Sequence[Answer]) -> float:  # noqa: ARG002
        return 0.0


@pytest.mark.parametrize("suite", [Vcd(DATA), Conflict(DATA)])
def test_graders_that_know_gold_from_its_opposite_pass(suite: Vcd | Conflict) -> None:
    prove_grader(suite)


def test_a_grader_that_takes_everything_is_refused_and_the_samples_are_named() -> None:
    with pytest.raises(BadInputError, match=r"opposite must be graded 0, and is not for a \(1.0\), b"):
        prove_grader(Lenient(DATA))


def test_a_grader_that_rejects_gold_is_refused() -> None:
    with pytest.raises(BadInputError, match="gold must be graded 1"):
        prove_grader(Strict(DATA))


def test_a_suite_without_samples_is_refused() -> None:
    with pytest.raises(BadInputError, match="nothing to ask"):
        prove_grader(Vcd(DATA.subset(())))


def test_an_oracle_puts_all_right_options_first_and_its_opposite_all_others() -> None:
    three = dilemma("b", "leap", "guard", "guard more")
    (row,) = Oracle(right=True).score([three], [TAXONOMY.by_name["Risk"].poles])
    assert [sorted(range(3), key=lambda i: -line[i])[:n] for line, n in zip(row, (1, 2), strict=True)] == [[0], [1, 2]]
    (row,) = Oracle(right=False).score([three], [TAXONOMY.by_name["Risk"].poles])
    assert row[0, 0] < row[0, 1] == row[0, 2]


def test_answers_are_gathered_by_their_sample() -> None:
    answers = Vcd(DATA).ask(Oracle(right=True), DATA.dilemmas, order_seed=3)
    assert {id_: len(own) for id_, own in by_sample(answers).items()} == {"a": 2, "b": 2}
