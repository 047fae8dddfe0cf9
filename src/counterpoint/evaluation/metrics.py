"""What is measured, answer by answer: one dilemma asked under one pole. Definitions as in docs/papers.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.floating]
"""`[option]`: log-probabilities under one pole, nats."""


@dataclass(frozen=True)
class Answer:
    """What a scorer said to one dilemma under one pole, beside what is right. Indices are the file's option order.

    A rule has no log-probabilities (an empty tuple) and no confidence (None). Neither has an answer in words: there
    `replies` are what was said when one option and when all that fit were asked for, `chosen` is None where the first
    can't be read and `selected` empty where the second can't.
    """

    dilemma: str
    value_pair: str
    pole: str
    gold: tuple[int, ...]
    log_probs: tuple[float, ...]
    chosen: int | None
    selected: tuple[int, ...]
    confidence: float | None
    replies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metric:
    """A metric's value with the number of answers behind it; `value` is None where it is undefined."""

    value: float | None
    n: int


def choose(row: Row) -> int:
    """The option of highest log-probability; the first of equals in the order shown."""
    return int(np.argmax(row))


def select(target: Row, opposite: Row) -> tuple[int, ...]:
    """The options said to serve the target pole: the set of which the scorer itself expects the highest Acc_all.

    Asked under both poles, the scorer gives each option a probability to serve the target (`serves`). Taken as
    independent, the best set of a size holds the likeliest options; sizes are compared by what Acc_all counts: nothing
    if any of the set is wrong, otherwise its share of all that are right. Never empty.
    """
    probabilities = serves(target, opposite)
    order = np.argsort(-probabilities, kind="stable")
    best = int(np.argmax(_expected_acc_all(probabilities[order])))
    return tuple(sorted(int(i) for i in order[: best + 1]))


def serves(target: Row, opposite: Row) -> Row:
    """Probability that each option serves the target rather than its opposite, from evenly likely poles: `[option]`.

    P_target(o) / (P_target(o) + P_opposite(o)) = sigmoid(2 x(o)).
    """
    with np.errstate(invalid="ignore"):  # what isn't finite is refused where answers are gathered
        return np.asarray(np.exp(-np.logaddexp(0.0, np.subtract(opposite, target, dtype=float))))


def _expected_acc_all(probabilities: Row) -> Row:
    """Expected Acc_all of the first, the first two, ... of options that are right independently: `[size - 1]`."""
    n = len(probabilities)
    left_out = np.zeros(n + 1)  # probability that so many of the options after the set are right
    left_out[0] = 1.0
    found = np.zeros(n)
    for size in range(n, 0, -1):
        share = (left_out * size / (size + np.arange(n + 1))).sum()
        found[size - 1] = np.prod(probabilities[:size]) * share
        p = probabilities[size - 1]
        left_out = left_out * (1 - p) + np.concatenate([[0.0], left_out[:-1]]) * p
    return found


def acc_one(answer: Answer) -> float:
    """Acc_one of one answer: 1 if the chosen option serves the pole, else 0 (also if none could be read)."""
    return float(answer.chosen in answer.gold)


def unreadable(answer: Answer) -> float:
    """Share of an answer's two replies that can't be read. They stay in every denominator, as wrong."""
    return ((answer.chosen is None) + (not answer.selected)) / 2


def acc_all(selected: Sequence[int], gold: Sequence[int]) -> float:
    """Acc_all of one answer: 1 for the gold set, 0 with any wrong option, otherwise the share of the gold set found."""
    if set(selected) - set(gold) or not gold:
        return 0.0
    return len(set(selected)) / len(set(gold))


def set_metrics(answers: Sequence[Answer]) -> dict[str, Metric]:
    """Micro precision, recall and F1 of the selected sets over all answers."""
    hits = sum(len(set(a.selected) & set(a.gold)) for a in answers)
    selected, gold = sum(len(a.selected) for a in answers), sum(len(a.gold) for a in answers)
    n = len(answers)
    return {
        "precision": Metric(hits / selected if selected else None, n),
        "recall": Metric(hits / gold if gold else None, n),
        "f1": Metric(2 * hits / (selected + gold) if selected + gold else None, n),
    }


def confidence(target: Row, opposite: Row) -> float:
    """Probability that the chosen option serves the target pole rather than its opposite (`serves`).

    The chosen option's own probability would not do: where two options are right it should be a half, and yet either is
    right for sure.
    """
    return float(serves(target, opposite)[choose(target)])


def negative_log_likelihood(answer: Answer) -> float:
    """-log of the probability that all options of the pole have together, nats."""
    rows = [answer.log_probs[i] for i in answer.gold]
    return -float(np.logaddexp.reduce(rows))


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: mean confidence, share right, answers in it."""

    confidence: float
    accuracy: float
    n: int


def reliability(answers: Sequence[Answer], *, bins: int = 10) -> list[Bin]:
    """Reliability of `Answer.confidence` in equal-width bins of (0, 1]; empty bins are left out."""
    told = [(a.confidence, acc_one(a)) for a in answers if a.confidence is not None]
    if not told:
        return []
    confidences, right = np.array(told).T
    index = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    return [
        Bin(float(confidences[index == b].mean()), float(right[index == b].mean()), int((index == b).sum()))
        for b in range(bins)
        if (index == b).any()
    ]


def expected_calibration_error(answers: Sequence[Answer], *, bins: int = 10) -> Metric:
    """ECE (Guo et al. 2017, arXiv 1706.04599): mean over answers of |share right - mean confidence| of their bin."""
    found = reliability(answers, bins=bins)
    n = sum(b.n for b in found)
    return Metric(sum(b.n * abs(b.accuracy - b.confidence) for b in found) / n if n else None, n)


def measure(answers: Sequence[Answer]) -> dict[str, Metric]:
    """Every metric over one group of answers (one method, seed and pole)."""

    def mean(values: list[float]) -> Metric:
        return Metric(sum(values) / len(values) if values else None, len(values))

    said = [a for a in answers if a.replies]
    return {
        "acc_one": mean([acc_one(a) for a in answers]),
        "acc_all": mean([acc_all(a.selected, a.gold) for a in answers]),
        **set_metrics(answers),
        "ece": expected_calibration_error(answers),
        "nll": mean([negative_log_likelihood(a) for a in answers if a.log_probs]),
        **({"unreadable": mean([unreadable(a) for a in said])} if said else {}),
    }
