"""The contract of suites whose samples are dilemmas: what is asked, how it is graded, what is counted.

A suite names its samples, asks a scorer, grades each sample from 0 to 1, and makes tables of everybody's answers.
Before any model is asked, `prove_grader` sends two instruments through the suite's own asking and grading: one that
always says what is right and one that always says the opposite. A suite that doesn't grade every sample 1 and 0
doesn't run. `suite_run.py` runs suites.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.special import log_softmax

from counterpoint.errors import BadInputError
from counterpoint.evaluation.metrics import Answer
from counterpoint.evaluation.tables import Cell
from counterpoint.models.scorer import LogProbs, Scorer
from counterpoint.types import Dilemma, Pole

SURE = 20.0
"""Nats between what an oracle is for and what it is against."""


@dataclass(frozen=True)
class Tables:
    """What a suite makes of all answers: the parts of `results.json` that are its own."""

    rows: list[dict[str, Any]]
    """One a method, seed, group and metric."""
    summary: list[dict[str, Any]]
    """One a method and metric, with its interval."""
    paired: list[dict[str, Any]]
    """One a pair of methods and metric."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Tables that only this suite has, by their key."""


class Suite(Protocol):
    """One benchmark with its data."""

    @property
    def name(self) -> str:
        """What `--suite` says."""
        ...

    @property
    def samples(self) -> Sequence[Dilemma]:
        """What is asked; ids differ."""
        ...

    @property
    def digest(self) -> str:
        """Hash of all that is asked and held to be right."""
        ...

    def ask(self, scorer: Scorer, samples: Sequence[Dilemma], *, order_seed: int) -> list[Answer]:
        """Answers to samples with their options in an order that `order_seed` draws; sample after sample."""
        ...

    def grade(self, answers: Sequence[Answer]) -> float:
        """All answers to one sample, from 0 (wrong) to 1 (right): the suite's headline."""
        ...

    def count(self, cells: Sequence[Cell]) -> Tables:
        """The tables. A sample that failed has no answers in its cell."""
        ...


class Oracle:
    """Says what is right, or its opposite, of any dilemma: the option whose `pole` has the name asked for is right."""

    def __init__(self, *, right: bool) -> None:
        self.right = right
        self.name = "gold" if right else "opposite"

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[LogProbs]:
        """See `Scorer.score`."""
        return [
            np.asarray(
                log_softmax(
                    [[SURE * ((o.pole == pole.name) == self.right) for o in d.options] for pole in asked], axis=1
                ),
                np.float32,
            )
            for d, asked in zip(dilemmas, poles, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Nothing is trained."""

    def describe(self) -> dict[str, Any]:
        """Its name."""
        return {"name": self.name}


def prove_grader(suite: Suite) -> None:
    """Refuse a suite whose grader doesn't take gold and reject its opposite, on every sample.

    Raises:
        BadInputError: which samples, and what they were graded.
    """
    if not suite.samples:
        raise BadInputError(f"suite {suite.name}: there is nothing to ask")
    for oracle, expected in ((Oracle(right=True), 1.0), (Oracle(right=False), 0.0)):
        answers = by_sample(suite.ask(oracle, suite.samples, order_seed=0))
        grades = {d.id: suite.grade(answers[d.id]) if d.id in answers else None for d in suite.samples}
        wrong = [f"{id_} ({grade})" for id_, grade in grades.items() if grade != expected]
        if wrong:
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            raise BadInputError(
                f"suite {suite.name}: what is {oracle.name} must be graded {expected:g}, and is not for "
                f"{', '.join(wrong[:5])}{more}. Mend or leave out these samples"
            )


def by_sample(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """Answers by the id of their sample."""
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.dilemma, []).append(answer)
    return found
