"""A scorer as a judge of poles: no language model, no endpoint, and so good as it was measured to be.

    lean(t) = (s_p(t) - s_p(n) - s_q(t) + s_q(n)) / 2           p the pole asked for, q its opposite
    score   = 10 P(p | t),   P(p | t) = 1 / (1 + exp(-(a lean(t) + b)))

s are the scorer's log-probabilities in a dilemma whose two options are the text t and a neutral text n, so that the
scorer's contract is all that is needed; a and the offset b of each value pair are fitted (Platt 1999) to leans of
labelled options that the scorer wasn't trained on: five times it is trained without a fifth of the scenarios. How far
its verdicts agree with gold labels is measured on the same held-out leans, a and b fitted without their fifth, and
stands beside every number that it gives. The judge itself is then trained on all. It is measured on options, not on
free answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError
from counterpoint.evaluation.agreement import weighted_kappa
from counterpoint.evaluation.judge import JudgeItem, PairItem, Preference, Rubric, Verdict, check_items
from counterpoint.evaluation.judging.rubrics import POLE_SHOWN
from counterpoint.models.scorer import Scorer
from counterpoint.types import DataSet, Dilemma, Option, Pole, Taxonomy, content_hash

Array = NDArray[np.float64]

NEUTRAL = "None of these."
FOLDS = 5
"""Parts of the scenarios, each held out once."""
PRECISION = 1.0
"""Of the normal prior on each b, in squared nats: an option's side is even odds unless data say otherwise."""


@dataclass(frozen=True)
class Measured:
    """Agreement with gold labels, cross-validated: on options of scenarios that nothing was fitted to."""

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


def encoder_judge(data: DataSet, *, seed: int = 0, finetune: bool = False) -> PoleJudge:
    """The encoder trained by PFT on labelled dilemmas; `finetune` tunes the larger encoder, six times.

    Raises:
        BadInputError: fewer scenarios than `FOLDS`.
    """
    fold = _folds(data.dilemmas, seed)
    if len(set(fold)) < FOLDS:
        raise BadInputError(f"{data.name}: a judge needs labelled dilemmas of {FOLDS} scenarios at least")
    train = _trainer(data.taxonomy, seed, finetune)
    held: list[tuple[Array, list[str], list[bool]]] = []
    for number in range(FOLDS):
        scorer = train([d for d, own in zip(data.dilemmas, fold, strict=True) if own != number])
        texts, positive = _labelled([d for d, own in zip(data.dilemmas, fold, strict=True) if own == number], data)
        held.append((leans(scorer, data.taxonomy, texts), [pair for *_, pair in texts], positive))
    measured = _measure([_fitted_without(held, number) for number in range(FOLDS)], held, data)
    return PoleJudge(train(data.dilemmas), data.taxonomy, _fitted_without(held, None), measured)


def _fitted_without(held: Sequence[tuple[Array, list[str], list[bool]]], left_out: int | None) -> Platt:
    """a and b from all held-out leans but those of one fold."""
    kept = [part for number, part in enumerate(held) if number != left_out]
    lean = np.concatenate([lean for lean, *_ in kept])
    return fit_platt(lean, [pair for _, pairs, _ in kept for pair in pairs], [p for *_, own in kept for p in own])


def _measure(fitted: Sequence[Platt], held: Sequence[tuple[Array, list[str], list[bool]]], data: DataSet) -> Measured:
    told = np.concatenate(
        [probabilities(lean, pairs, platt) >= 0.5 for platt, (lean, pairs, _) in zip(fitted, held, strict=True)]
    )
    labels = np.array([positive for *_, own in held for positive in own])
    kappa = weighted_kappa(told.astype(float), labels.astype(float))
    accuracy = round(float((told == labels).mean()), 4)
    return Measured(accuracy, None if kappa is None else round(kappa, 4), len(labels), len(data), data.name)


def _trainer(taxonomy: Taxonomy, seed: int, finetune: bool) -> Callable[[Sequence[Dilemma]], Scorer]:
    """Trains an encoder on dilemmas. It reads answers alone: what is judged comes without options beside it."""
    from counterpoint.models.encoder import EncoderConfig, EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES
    from counterpoint.training.settings import FitConfig

    untrained = EncoderScorer.untrained(taxonomy, config=EncoderConfig(situated="never"), finetune=finetune)

    def train(dilemmas: Sequence[Dilemma]) -> Scorer:
        scorer = untrained.fresh()
        fit(scorer, dilemmas, taxonomy, OBJECTIVES.get("pft"), config=FitConfig(finetune=finetune), seed=seed)
        return scorer

    return train


def _folds(dilemmas: Sequence[Dilemma], seed: int) -> list[int]:
    """Which fold each dilemma is in, `[dilemma]`: scenarios are dealt out in an order drawn by `seed`, pair by pair."""
    keys = {scenario_key(d): d.value_pair for d in dilemmas}
    order = sorted(keys, key=lambda key: (keys[key], content_hash("judge", seed, key)))
    place = {key: i % FOLDS for i, key in enumerate(order)}
    return [place[scenario_key(d)] for d in dilemmas]


def _labelled(dilemmas: Sequence[Dilemma], data: DataSet) -> tuple[list[tuple[str, str, str]], list[bool]]:
    """Every option as (question, text, value pair), and whether it serves the positive pole."""
    rows = [(d, option) for d in dilemmas for option in d.options]
    texts = [(asked_of(d), option.text, d.value_pair) for d, option in rows]
    return texts, [option.pole == data.taxonomy.by_name[d.value_pair].positive.name for d, option in rows]
