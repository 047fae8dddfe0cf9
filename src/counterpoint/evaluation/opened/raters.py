"""Others who rate the same answers: further judges, and people. How far they agree with the judge of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from counterpoint.errors import BadInputError
from counterpoint.evaluation.judge import Judge, JudgeItem, about_pole
from counterpoint.evaluation.judging.concord import concord, mean_scores
from counterpoint.evaluation.judging.pole_judge import asked_of
from counterpoint.evaluation.judging.rubrics import POLE_SHOWN
from counterpoint.evaluation.opened.counting import Graded
from counterpoint.evaluation.tables import rounded
from counterpoint.types import DataSet

PEOPLE = "people"
"""What people are called among raters."""


def read_labels(path: Path, answers: Sequence[Graded]) -> dict[str, float]:
    """People's ratings by answer: lines of a run's `predictions.jsonl` to which a `label` was added, 0 to 10.

    Lines without a label are passed over.

    Raises:
        BadInputError: the file can't be read, a label is off the scale, or a line is of no answer of this run.
    """
    texts = {key_of(answer): answer.text for answer in answers}
    low, high = POLE_SHOWN.scale
    found = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"labels {path}: can't be read: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            label = row.get("label")
            key = "|".join(str(row[name]) for name in ("method", "seed", "dilemma", "pole", "draw"))
            text = row["text"]
        except (ValueError, KeyError, AttributeError) as error:
            raise BadInputError(
                f"labels {path}, line {number}: expected a line of predictions.jsonl with a label ({error!r})"
            ) from error
        if label is None:
            continue
        if isinstance(label, bool) or not isinstance(label, int | float) or not low <= label <= high:
            raise BadInputError(f"labels {path}, line {number}: label is {label!r}; expected {low} to {high}")
        if texts.get(key) != text:
            raise BadInputError(
                f"labels {path}, line {number}: no such answer in this run. Label its predictions.jsonl"
            )
        found[key] = float(label)
    return found


def key_of(answer: Graded) -> str:
    """Names an answer."""
    return f"{answer.method}|{answer.seed}|{answer.dilemma}|{answer.pole}|{answer.draw}"


def agreement(
    answers: Sequence[Graded],
    data: DataSet,
    judge: str,
    others: Sequence[Judge],
    labels: Mapping[str, float] | None,
) -> dict[str, Any] | None:
    """Krippendorff's alpha over all raters and weighted kappa of every two; None where nobody else rates.

    Further judges see what the first did: question, answer and the pole asked for.
    """
    ratings: dict[str, Mapping[str, float]] = {
        judge: {key_of(a): own for a in answers if (own := a.mean(a.pole)) is not None}
    }
    dilemmas = {d.id: d for d in data.dilemmas}
    items = [
        JudgeItem(
            key_of(a),
            asked_of(dilemmas[a.dilemma]),
            a.text,
            about_pole(data.taxonomy.by_name[a.value_pair], data.taxonomy.by_name[a.value_pair].pole(a.pole)),
        )
        for a in answers
        if a.text
    ]
    failed = {}
    for other in others:
        verdicts = other.grade(POLE_SHOWN, items)
        name = other.name if other.name not in ratings else f"{other.name} ({len(ratings) + 1})"
        ratings[name] = mean_scores(verdicts)
        failed[name] = sum(verdict.error is not None for verdict in verdicts)
    if labels:
        ratings[PEOPLE] = labels
    if len(ratings) < 2:
        return None
    found = concord(ratings)
    return {
        "raters": list(ratings),
        "alpha": rounded(found.alpha),
        "answers": found.items,
        "kappa": [{"a": a, "b": b, "kappa": rounded(kappa)} for (a, b), kappa in found.kappa.items()],
        "failed": failed,
    }
