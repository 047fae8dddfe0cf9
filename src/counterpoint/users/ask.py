"""What to ask next: the dilemma whose answer is expected to tell most about a person.

Expected information gain (Lindley 1956, doi:10.1214/aoms/1177728069) in the form of Houlsby et al. 2011 (arXiv
1112.5745, eq. 2): entropy of the predicted answer less the entropy that stays if the person were known, I = H(E p(o |
v)) - E H(p(o | v)), v ~ belief. Axes: `question` (Q), `alternative` (A), `node` (M), `value_pair` (K).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import entr, softmax

from counterpoint.users.belief import Belief, Vector
from counterpoint.users.model import Question
from counterpoint.users.quadrature import nodes

_AT_ONCE = 64
"""Questions weighed together."""

Strategy = Callable[[Belief, Sequence[Question]], int]
"""Picks the index of the next question."""


@dataclass(frozen=True)
class Rule:
    """When to stop asking.

    Attributes:
        cost: what a question costs, in nats: one that is expected to tell less is not asked.
        certainty: enough is known once the believed side of every value pair has this probability; 1: never.
        most: ask at most so many.
    """

    cost: float = 0.03
    certainty: float = 0.95
    most: int = 20


def information(belief: Belief, questions: Sequence[Question]) -> Vector:
    """Expected information about the preference vector from each question's answer, `[question]`, nats.

    By Gauss-Hermite rules for one or two value pairs, by fixed quasi-random nodes for more: the same every time.
    """
    points, weights = nodes(belief.size)
    vectors = belief.mean + points @ np.linalg.cholesky(belief.covariance).T
    parts = [
        _information(*_padded(questions[i : i + _AT_ONCE]), vectors, weights)
        for i in range(0, len(questions), _AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def next_question(belief: Belief, questions: Sequence[Question], rule: Rule, *, asked: int = 0) -> int | None:
    """Index of the question to ask, or None when the rule says stop."""
    if not questions or asked >= rule.most or certain(belief) >= rule.certainty:
        return None
    gains = information(belief, questions)
    best = int(np.argmax(gains))
    return best if gains[best] >= rule.cost else None


def certain(belief: Belief) -> float:
    """Probability of the believed side on the value pair known least about, 0.5 to 1."""
    return float(np.maximum(belief.positive, 1 - belief.positive).min())


def most_informative(belief: Belief, questions: Sequence[Question]) -> int:
    """The question expected to tell most."""
    return int(np.argmax(information(belief, questions)))


def at_random(rng: Generator) -> Strategy:
    """Any question: a baseline."""
    return lambda _, questions: int(rng.integers(len(questions)))


def most_uncertain_pair(pairs: Sequence[str], rng: Generator) -> Strategy:
    """Any question about the value pair with the widest belief: a baseline. `pairs` are the axes' names."""

    def pick(belief: Belief, questions: Sequence[Question]) -> int:
        for axis in np.argsort(-belief.sd):
            about = [i for i, q in enumerate(questions) if q.dilemma and q.dilemma.value_pair == pairs[axis]]
            if about:
                return int(rng.choice(about))
        return int(rng.integers(len(questions)))

    return pick


def _padded(questions: Sequence[Question]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features `[question, alternative, value_pair]` and bias `[question, alternative]`."""
    width = max(len(question.bias) for question in questions)
    features = np.zeros((len(questions), width, questions[0].features.shape[1]))
    bias = np.full((len(questions), width), -np.inf)
    for i, question in enumerate(questions):
        features[i, : len(question.bias)] = question.features
        bias[i, : len(question.bias)] = question.bias
    return features, bias


def _information(
    features: NDArray[np.float64], bias: NDArray[np.float64], vectors: NDArray[np.float64], weights: Vector
) -> Vector:
    logits = vectors @ features.transpose(0, 2, 1) + bias[:, None, :]
    probability = softmax(logits, axis=2)
    predicted = np.einsum("m,qma->qa", weights, probability)
    stays = np.einsum("m,qma->q", weights, entr(probability))
    gained: Vector = np.maximum(entr(predicted).sum(axis=1) - stays, 0.0)
    return gained
