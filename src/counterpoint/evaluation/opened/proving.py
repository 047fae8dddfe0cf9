"""Whether a judge can be believed: how often it grades gold option texts above their opposites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpoint.errors import BadInputError
from counterpoint.evaluation.agreement import weighted_kappa
from counterpoint.evaluation.judge import Judge, JudgeItem, about_pole
from counterpoint.evaluation.judging.concord import mean_scores
from counterpoint.evaluation.judging.pole_judge import asked_of
from counterpoint.evaluation.judging.rubrics import POLE_SHOWN
from counterpoint.types import Dilemma, Taxonomy

MIDDLE = sum(POLE_SHOWN.scale) / 2
"""A score above it says that the pole is shown."""


@dataclass(frozen=True)
class Proof:
    """What a judge makes of option texts whose poles are known, of dilemmas that are asked."""

    rate: float | None
    """Share of (dilemma, pole) in which the pole's options are graded above the others, on average; None of none."""
    cases: int
    """How many such."""
    accuracy: float | None
    """Share of (option, pole) on the right side of the scale's middle."""
    kappa: float | None
    """Cohen's, of the same."""
    verdicts: int
    """How many."""
    failed: int
    """Verdicts that couldn't be had; a case that lacks one is no proof."""
    threshold: float

    @property
    def holds(self) -> bool:
        """Whether the rate reaches the threshold."""
        return self.rate is not None and self.rate >= self.threshold


def prove_judge(judge: Judge, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, *, most: int, threshold: float) -> Proof:
    """Grade the options of `most` dilemmas at most, evenly over the file, for either pole.

    Raises:
        BadInputError: no dilemma has options of both poles.
    """
    both = [d for d in dilemmas if all(d.gold(pole.name) for pole in taxonomy.by_name[d.value_pair].poles)]
    if not both:
        raise BadInputError("no dilemma has options of both poles, and a judge can't be proved on less")
    shown = [both[i * len(both) // most] for i in range(most)] if len(both) > most else both
    items, labels = [], []
    for d in shown:
        pair = taxonomy.by_name[d.value_pair]
        for pole in pair.poles:
            for i, option in enumerate(d.options):
                items.append(JudgeItem(f"{d.id}|{pole.name}|{i}", asked_of(d), option.text, about_pole(pair, pole)))
                labels.append(option.pole == pole.name)
    verdicts = judge.grade(POLE_SHOWN, items)
    scores = mean_scores(verdicts)
    cases = [_above(d, pole.name, scores) for d in shown for pole in taxonomy.by_name[d.value_pair].poles]
    known = [(scores[item.id] > MIDDLE, label) for item, label in zip(items, labels, strict=True) if item.id in scores]
    told, true = np.array(known, float).reshape(-1, 2).T
    return Proof(
        rate=round(sum(cases) / len(cases), 4),
        cases=len(cases),
        accuracy=round(float((told == true).mean()), 4) if known else None,
        kappa=_rounded(weighted_kappa(told, true)) if known else None,
        verdicts=len(verdicts),
        failed=sum(verdict.error is not None for verdict in verdicts),
        threshold=threshold,
    )


def refuse_unproved(proof: Proof, judge: Judge) -> None:
    """Nothing, or an error that says what was measured.

    Raises:
        BadInputError: the rate is below the threshold.
    """
    if not proof.holds:
        failed = f" ({proof.failed} of {proof.verdicts} verdicts could not be had)" if proof.failed else ""
        raise BadInputError(
            f"judge {judge.name} grades the pole's own options above the opposite's in {proof.rate:.2f} of "
            f"{proof.cases} cases{failed}; at least {proof.threshold:g} is asked for (--set threshold=). "
            "Its scores would mean little: choose another judge with --judge, or more labelled dilemmas to train one on"
        )


def _above(dilemma: Dilemma, pole: str, scores: dict[str, float]) -> bool:
    """Whether the pole's options are graded above the others on average; False where a verdict is missing."""
    found = [scores.get(f"{dilemma.id}|{pole}|{i}", np.nan) for i in range(len(dilemma.options))]
    gold = dilemma.gold(pole)
    others = [score for i, score in enumerate(found) if i not in gold]
    return bool(np.mean([found[i] for i in gold]) > np.mean(others))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
