"""A scorer as a judge of poles: no language model, no endpoint, and so good as it was measured to be.

    lean(t) = (s_p(t) - s_p(n) - s_q(t) + s_q(n)) / 2           p the pole asked for, q its opposite
    score   = 10 P(p | t),   P(p | t) = 1 / (1 + exp(-(a lean(t) + b)))

s are the scorer's log-probabilities in a dilemma whose two options are the text t and a neutral text n, so that the
scorer's contract is all that is needed; a and the offset b of each value pair are fitted (Platt 1999) on labelled
options that the scorer wasn't trained on. How far its verdicts agree with gold labels is measured on options of
further dilemmas, and stands beside every number that it gives. It is measured on options, not on free answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from counterpoint.data.split import split
from counterpoint.errors import BadInputError
from counterpoint.evaluation.agreement import weighted_kappa
from counterpoint.evaluation.judge import JudgeItem, PairItem, Preference, Rubric, Verdict, check_items
from counterpoint.evaluation.judging.rubrics import POLE_SHOWN
from counterpoint.models.scorer import Scorer
from counterpoint.types import DataSet, Dilemma, Option, Pole, Taxonomy

Array = NDArray[np.float64]

NEUTRAL = "None of these."
FRACTIONS = (0.6, 0.2, 0.2)
"""Of the labelled scenarios: the scorer's training, the fit of a and b, the measured agreement."""
PRECISION = 1.0
"""Of the normal prior on each b, in squared nats: an option's side is even odds unless data say otherwise."""


@dataclass(frozen=True)
class Measured:
    """Agreement with gold labels, on labelled options of dilemmas that nothing was fitted to."""

    accuracy: float
    """Share of options whose pole is told right."""
    kappa: float | None
    """Cohen's; None where labels don't differ."""
    options: int
    dilemmas: int
    """How many it was measured on."""
    data: str
    """Their name."""

    def __str__(self) -> str:
        kappa = "undefined" if self.kappa is None else f"{self.kappa:.2f}"
        return (
            f"agrees with gold labels on {self.accuracy:.2f} of {self.options} held-out options of {self.data} "
            f"(kappa {kappa})"
        )


@dataclass(frozen=True)
class Platt:
    """From leans to probabilities."""

    slope: float
    """a."""
    offsets: Mapping[str, float]
    """b by value pair, towards its positive pole."""


class PoleJudge:
    """Grades by rubric `pole_shown`, and by no other.

    Args:
        scorer: tells poles apart.
        taxonomy: whose poles it knows.
        platt: fitted to it.
        measured: its agreement.
    """

    def __init__(self, scorer: Scorer, taxonomy: Taxonomy, platt: Platt, measured: Measured) -> None:
        self.scorer, self.taxonomy, self.platt, self.measured = scorer, taxonomy, platt, measured

    @property
    def name(self) -> str:
        """Says that it is no language model."""
        return f"{self.scorer.name} as a pole judge"

    def grade(self, rubric: Rubric, items: Sequence[JudgeItem], *, repeats: int = 1) -> list[Verdict]:
        """See `Judge.grade`. Its repeats are all alike: it draws nothing."""
        check_items(rubric, items, repeats)
        self._check(rubric)
        scores = self._scores([(item.question, item.answer, item.about) for item in items])
        return [
            Verdict(item, rubric.reference, self.name, score, {"shown": score}, str(self.measured), repeat)
            for item, score in zip(items, scores, strict=True)
            for repeat in range(repeats)
        ]

    def compare(self, rubric: Rubric, items: Sequence[PairItem], *, repeats: int = 1) -> list[Preference]:
        """See `Judge.compare`. It reads each text by itself, so that order can't matter."""
        check_items(rubric, items, repeats)
        self._check(rubric)
        ones, others = (
            self._scores([(item.question, getattr(item, side), item.about) for item in items])
            for side in ("one", "other")
        )
        return [
            Preference(
                item,
                rubric.reference,
                self.name,
                "tie" if one == other else "one" if one > other else "other",
                reasons=(str(self.measured),),
                repeat=repeat,
            )
            for item, one, other in zip(items, ones, others, strict=True)
            for repeat in range(repeats)
        ]

    def describe(self) -> dict[str, Any]:
        """What it is and how far it can be trusted."""
        return {
            "kind": "pole judge: a scorer, no language model",
            "name": self.name,
            "agreement_with_gold": asdict(self.measured),
            "platt": asdict(self.platt),
        }

    def _check(self, rubric: Rubric) -> None:
        if rubric.reference != POLE_SHOWN.reference:
            raise BadInputError(f"{self.name} grades by {POLE_SHOWN.reference} alone (got {rubric.reference})")

    def _scores(self, texts: Sequence[tuple[str, str, Mapping[str, str]]]) -> list[float]:
        """10 P(pole asked for | text), `[text]`, of (question, answer, about)."""
        asked = []
        for question, answer, about in texts:
            pair = self.taxonomy.by_pole.get(about["pole"])
            if pair is None:
                known = ", ".join(pole.name for pole in self.taxonomy.poles)
                raise BadInputError(f"{self.name} knows nothing of pole {about['pole']!r}; it knows {known}")
            asked.append((question, answer, pair.name))
        positive = probabilities(leans(self.scorer, self.taxonomy, asked), [pair for *_, pair in asked], self.platt)
        first = [self.taxonomy.by_pole[about["pole"]].positive.name == about["pole"] for *_, about in texts]
        return [10 * float(p if own else 1 - p) for p, own in zip(positive, first, strict=True)]


def asked_of(dilemma: Dilemma) -> str:
    """A dilemma as an open question: its scenario and what is asked without options."""
    return f"{dilemma.scenario}\n\n{dilemma.open_question or dilemma.question}".strip()


def leans(scorer: Scorer, taxonomy: Taxonomy, texts: Sequence[tuple[str, str, str]]) -> Array:
    """Towards the positive pole, `[text]`, nats, of (question, answer, value pair)."""
    dilemmas = [
        Dilemma(str(i), pair, question, (Option(answer, ""), Option(NEUTRAL, "")))
        for i, (question, answer, pair) in enumerate(texts)
    ]
    poles: list[tuple[Pole, Pole]] = [taxonomy.by_name[pair].poles for *_, pair in texts]
    rows = [np.asarray(row, float) for row in scorer.score(dilemmas, poles)]
    return np.array([(row[0, 0] - row[0, 1] - row[1, 0] + row[1, 1]) / 2 for row in rows])


def probabilities(lean: Array, pairs: Sequence[str], platt: Platt) -> Array:
    """P(positive pole | text), `[text]`."""
    return np.asarray(expit(platt.slope * lean + np.array([platt.offsets.get(pair, 0.0) for pair in pairs])))


def fit_platt(lean: Array, pairs: Sequence[str], positive: Sequence[bool]) -> Platt:
    """Most likely a >= 0 and b (b under a normal prior of `PRECISION`), from labelled leans, `[text]`."""
    names = sorted(set(pairs))
    column = np.array([names.index(pair) for pair in pairs])
    sign = np.where(positive, 1.0, -1.0)

    def loss(parameters: Array) -> tuple[float, Array]:
        logit = parameters[0] * lean + parameters[1:][column]
        slope = -sign * expit(-sign * logit)
        gradient = np.concatenate([[slope @ lean], np.bincount(column, slope, len(names)) + PRECISION * parameters[1:]])
        return float(np.logaddexp(0.0, -sign * logit).sum() + PRECISION * (parameters[1:] ** 2).sum() / 2), gradient

    start = np.concatenate([[1.0], np.zeros(len(names))])
    bounds = [(0.0, 1e3), *[(None, None)] * len(names)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return Platt(float(found[0]), {name: float(b) for name, b in zip(names, found[1:], strict=True)})


def measure(scorer: Scorer, taxonomy: Taxonomy, platt: Platt, data: DataSet) -> Measured:
    """Agreement with the labels of all options of these dilemmas.

    Raises:
        BadInputError: there is none.
    """
    texts, positive = _labelled(data.dilemmas, taxonomy)
    if not texts:
        raise BadInputError(f"{data.name}: no labelled options to measure a judge's agreement on")
    told = probabilities(leans(scorer, taxonomy, texts), [pair for *_, pair in texts], platt) >= 0.5
    labels = np.array(positive)
    kappa = weighted_kappa(told.astype(float), labels.astype(float))
    return Measured(
        round(float((told == labels).mean()), 4),
        None if kappa is None else round(kappa, 4),
        len(texts),
        len(data),
        data.name,
    )


def encoder_judge(data: DataSet, *, seed: int = 0, finetune: bool = False) -> PoleJudge:
    """The encoder, trained by PFT on part of the labelled dilemmas, calibrated on another, measured on a third.

    Raises:
        BadInputError: too few dilemmas to divide by scenario.
    """
    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES
    from counterpoint.training.settings import FitConfig

    parts = split(data, FRACTIONS, seed)
    if not all(map(len, parts)):
        raise BadInputError(f"{data.name}: {len(data)} dilemmas are too few to train, calibrate and measure a judge")
    scorer = EncoderScorer.untrained(data.taxonomy)
    fit(
        scorer,
        parts.train.dilemmas,
        data.taxonomy,
        OBJECTIVES.get("pft"),
        config=FitConfig(finetune=finetune),
        seed=seed,
    )
    texts, positive = _labelled(parts.validation.dilemmas, data.taxonomy)
    pairs = [pair for *_, pair in texts]
    platt = fit_platt(leans(scorer, data.taxonomy, texts), pairs, positive)
    return PoleJudge(scorer, data.taxonomy, platt, measure(scorer, data.taxonomy, platt, parts.test))


def _labelled(dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> tuple[list[tuple[str, str, str]], list[bool]]:
    """Every option as (question, text, value pair), and whether it serves the positive pole."""
    rows = [(d, option) for d in dilemmas for option in d.options]
    texts = [(asked_of(d), option.text, d.value_pair) for d, option in rows]
    return texts, [option.pole == taxonomy.by_name[d.value_pair].positive.name for d, option in rows]
