"""From answers and verdicts to tables: poles have equal say, intervals resample scenarios within value pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from counterpoint.evaluation.judge import JudgeItem, Verdict
from counterpoint.evaluation.judging.variance import Components, of_verdicts
from counterpoint.evaluation.suite_counts import Score

METRICS = ("score", "opposite", "contrast", "log_perplexity", "words")
"""score: for the pole asked for. opposite: the same answer, for the opposite pole. contrast: score minus what the
answer to the opposite request is given for this pole. log_perplexity: of the reply, under the model without adapter."""


@dataclass(frozen=True)
class Graded:
    """One answer of one method and seed with what the judge says of it."""

    method: str
    seed: int
    dilemma: str
    value_pair: str
    unit: str
    """Its scenario."""
    pole: str
    """Asked for."""
    draw: int
    text: str
    words: int
    log_perplexity: float | None
    scores: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """By pole judged for, `[repeat]`; None where the verdict failed."""

    def mean(self, pole: str) -> float | None:
        """Over the repeats that were had."""
        known = [score for score in self.scores.get(pole, ()) if score is not None]
        return sum(known) / len(known) if known else None


def scores_of(answers: Sequence[Graded], opposite: Mapping[str, str]) -> Iterator[Score]:
    """One value an answer and metric; `contrast` where the other pole's answer was judged too.

    Args:
        answers: everybody's.
        opposite: the other pole of each pole.
    """
    place = {(a.method, a.seed, a.dilemma, a.pole, a.draw): a for a in answers}
    for a in answers:
        other = place.get((a.method, a.seed, a.dilemma, opposite[a.pole], a.draw))
        own, against = a.mean(a.pole), other.mean(a.pole) if other else None
        values = {
            "score": own,
            "opposite": a.mean(opposite[a.pole]),
            "contrast": None if own is None or against is None else own - against,
            "log_perplexity": a.log_perplexity,
            "words": float(a.words),
        }
        for metric, value in values.items():
            if value is not None:
                yield Score(a.method, a.seed, a.pole, a.unit, a.value_pair, metric, value)


def variances(answers: Sequence[Graded]) -> dict[str, Components]:
    """By method: between questions, between answers to one (its seeds and draws), between the judge's repeats."""
    found: dict[str, list[Verdict]] = {}
    for a in answers:
        item = JudgeItem(f"{a.seed}|{a.draw}", a.dilemma, a.text, {"pole": a.pole})
        found.setdefault(a.method, []).extend(
            Verdict(item, "", "", score, repeat=i) for i, score in enumerate(a.scores.get(a.pole, ()))
        )
    return {method: of_verdicts(verdicts) for method, verdicts in found.items()}


def row_of(answer: Graded) -> dict[str, Any]:
    """A line of `predictions.jsonl`."""
    return {**vars(answer), "scores": {pole: list(scores) for pole, scores in answer.scores.items()}}
