"""A world small enough to work out by hand: two value pairs, a scorer that reads words, questions made of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from counterpoint.types import Dilemma, Option, Pole, Taxonomy, ValuePair
from counterpoint.users.belief import Belief
from counterpoint.users.model import Observation, Question

TAXONOMY = Taxonomy(
    "small",
    (
        ValuePair("Risk", Pole("Daring", "leap"), Pole("Careful", "guard")),
        ValuePair("Pace", Pole("Now", "fast"), Pole("Later", "slow")),
    ),
)


class WordScorer:
    """Each time an option holds the pole's description as a word, its logit rises by 2. Counts what it was asked."""

    name = "words"

    def __init__(self) -> None:
        self.asked = 0

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[NDArray[np.float32]]:
        self.asked += len(dilemmas)
        return [self._one(d, p) for d, p in zip(dilemmas, poles, strict=True)]

    def _one(self, dilemma: Dilemma, poles: Sequence[Pole]) -> NDArray[np.float32]:
        counts = [[2.0 * option.text.split().count(p.description) for option in dilemma.options] for p in poles]
        return np.asarray(log_softmax(np.array(counts), axis=1), dtype=np.float32)

    def save(self, folder: Path) -> None:
        (folder / "words.json").write_text("{}")

    def describe(self) -> dict[str, Any]:
        return {"kind": "words"}


def dilemma(name: str, *texts: str, scene: str = "", pair: str = "Risk") -> Dilemma:
    """Options whose pole is read off their words."""
    value_pair = TAXONOMY.by_name[pair]
    poles = (
        value_pair.positive if value_pair.positive.description in t.split() else value_pair.negative for t in texts
    )
    options = tuple(Option(text, pole.name) for text, pole in zip(texts, poles, strict=True))
    return Dilemma(name, pair, f"scenario {name}", options, scene=scene)


def question(*rows: Sequence[float], time: float = 0.0, scene: str = "") -> Question:
    """Evidence by hand, `[alternative][value_pair]`."""
    features = np.array(rows, dtype=float)
    return Question(features, np.zeros(len(features)), time, scene)


def chose(option: int, *rows: Sequence[float], time: float = 0.0, scene: str = "", weight: float = 1.0) -> Observation:
    """A choice among rows of evidence."""
    return Observation(question(*rows, time=time, scene=scene), option, weight)


def random_observations(
    rng: np.random.Generator, *, pairs: int, alternatives: int, count: int, scale: float
) -> list[Observation]:
    """Choices without rhyme or reason, which is the hardest case."""
    return [
        chose(int(rng.integers(alternatives)), *(rng.normal(size=(alternatives, pairs)) * scale), time=float(n + 1))
        for n in range(count)
    ]


def on_a_grid(
    observations: Sequence[Observation], prior: Belief, *, points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Posterior mean, covariance and log evidence in one or two dimensions by brute force: an independent oracle."""
    axes = [np.linspace(m - 6 * s, m + 6 * s, points) for m, s in zip(prior.mean, prior.sd, strict=True)]
    vectors = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, prior.size)
    cell = float(np.prod([axis[1] - axis[0] for axis in axes]))
    away = vectors - prior.mean
    precision = np.linalg.inv(prior.covariance)
    logs = -0.5 * np.einsum("nk,kl,nl->n", away, precision, away)
    logs += 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * prior.size * np.log(2 * np.pi)
    for o in observations:
        logits = vectors @ o.question.features.T + o.question.bias
        logs += o.weight * (logits[:, o.chosen] - logsumexp(logits, axis=1))
    evidence = float(logsumexp(logs)) + np.log(cell)
    weights = np.exp(logs - logsumexp(logs))
    mean = weights @ vectors
    centred = vectors - mean
    return mean, (centred * weights[:, None]).T @ centred, evidence
