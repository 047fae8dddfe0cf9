"""How much of the spread of verdicts lies between questions, between answers to a question, and in the judge itself.

y = mean + question + answer within question + repeat within answer: nested random effects, estimated by equating mean
squares to their expectations (Searle 1971, "Linear Models", ch. 10: Henderson's method 1), which is unbiased whatever
the numbers of answers and repeats. An estimate may come out below 0; it is left so, for cut at 0 it would be biased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpoint.evaluation.judge import Verdict


@dataclass(frozen=True)
class Components:
    """Variances in squared points of the scale; None where there is too little to estimate one."""

    question: float | None
    """Between questions; None with fewer than two. Holds the answers' where that is None."""
    answer: float | None
    """Between answers to the same question; None where no question has two. Holds the judge's where that is None."""
    judge: float | None
    """Between repeats of the judge on the same answer; None where no answer has two."""
    questions: int
    answers: int
    verdicts: int
    """How many."""

    def reliability(self, repeats: int) -> float | None:
        """Share of the variance of a mean over `repeats` verdicts that isn't the judge's own; None if undefined."""
        if self.judge is None:
            return None
        true = sum(max(0.0, part) for part in (self.question, self.answer) if part is not None)
        total = true + self.judge / repeats
        return true / total if total > 0 else None


def components(scores: Sequence[Sequence[Sequence[float]]]) -> Components:
    """From `[question][answer][repeat]`, ragged; failed verdicts are left out before.

    MS(judge) estimates j; MS(answer) estimates j + k1 a; MS(question) estimates j + k2 a + k3 q, with n_ij verdicts on
    an answer, n_i on a question, N in all, A answers, Q questions:
        k1 = (N - sum n_ij^2 / n_i) / (A - Q)
        k2 = (sum n_ij^2 / n_i - sum n_ij^2 / N) / (Q - 1)
        k3 = (N - sum n_i^2 / N) / (Q - 1)
    """
    asked = [kept for answers in scores if (kept := [np.array(own, float) for own in answers if len(own)])]
    sizes = [np.array([len(own) for own in answers], float) for answers in asked]
    per_question = np.array([size.sum() for size in sizes])
    total, answers, questions = per_question.sum(), sum(map(len, sizes)), len(sizes)
    if not questions:
        return Components(None, None, None, 0, 0, 0)
    means = [np.array([own.mean() for own in answers]) for answers in asked]
    of_question = np.array([(n * m).sum() / n.sum() for n, m in zip(sizes, means, strict=True)])
    grand = (per_question * of_question).sum() / total
    within = sum(float(((own - own.mean()) ** 2).sum()) for answers in asked for own in answers)
    between = sum(float((n * (m - q) ** 2).sum()) for n, m, q in zip(sizes, means, of_question, strict=True))
    over = float((per_question * (of_question - grand) ** 2).sum())
    shared = sum(float((n**2).sum() / n.sum()) for n in sizes)
    squares = sum(float((n**2).sum()) for n in sizes)
    judge = within / (total - answers) if total > answers else None
    noise = 0.0 if judge is None else judge  # else the judge's part can't be told from the answer's
    answer = None
    if answers > questions:
        answer = (between / (answers - questions) - noise) / ((total - shared) / (answers - questions))
    question = None
    if questions > 1:
        k2 = (shared - squares / total) / (questions - 1)
        k3 = (total - (per_question**2).sum() / total) / (questions - 1)
        question = float((over / (questions - 1) - noise - k2 * (answer or 0.0)) / k3)
    return Components(
        question,
        None if answer is None else float(answer),
        None if judge is None else float(judge),
        questions,
        int(answers),
        int(total),
    )


def of_verdicts(verdicts: Sequence[Verdict]) -> Components:
    """Verdicts of one judge and rubric: what shares `question` and `about` is a question, an item an answer."""
    table: dict[object, dict[str, list[float]]] = {}
    for verdict in verdicts:
        if verdict.score is not None:
            question = (verdict.item.question, *sorted(verdict.item.about.items()))
            table.setdefault(question, {}).setdefault(verdict.item.id, []).append(verdict.score)
    return components([list(answers.values()) for answers in table.values()])
