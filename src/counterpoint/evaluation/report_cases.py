"""The dilemmas a run found hardest, and what each method chose under either pole."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterpoint.evaluation.method_labels import MethodLabel
from counterpoint.evaluation.report_tables import finite, poles_of

Prediction = Mapping[str, Any]

WORST = 10


@dataclass(frozen=True)
class Pick:
    """An option chosen in `times` seeds."""

    letter: str
    times: int
    right: bool


@dataclass(frozen=True)
class Case:
    """A hard dilemma. `picks[method][pole]` holds what was chosen, most often first."""

    dilemma: Mapping[str, Any]
    probability: float
    poles: Sequence[str]
    picks: Mapping[str, Mapping[str, Sequence[Pick]]]


def letter(index: int) -> str:
    """A, B, C ... for an option's place; a number beyond Z."""
    return chr(ord("A") + index) if 0 <= index < 26 else f"#{index + 1}"


def gold_probability(prediction: Prediction) -> float | None:
    """Probability that the options of the asked pole have together; None without usable log-probabilities."""
    logs, gold = prediction.get("log_probs"), prediction.get("gold")
    if not isinstance(logs, list) or not isinstance(gold, list) or not gold:
        return None
    values = [finite(logs[i]) for i in gold if isinstance(i, int) and 0 <= i < len(logs)]
    usable = [min(0.0, value) for value in values if value is not None]
    return min(1.0, sum(math.exp(value) for value in usable)) if usable else None


def worst_cases(
    predictions: Sequence[Prediction],
    dilemmas: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, MethodLabel],
    *,
    most: int = WORST,
) -> list[Case]:
    """The dilemmas of lowest mean gold probability over trained methods, seeds and poles; ties by id."""
    judged = [p for p in predictions if str(p.get("dilemma")) in dilemmas]
    trained = [p for p in judged if (label := labels.get(str(p.get("method")))) and label.trained]
    sums: dict[str, list[float]] = {}
    for prediction in trained or judged:
        probability = gold_probability(prediction)
        if probability is not None:
            sums.setdefault(str(prediction["dilemma"]), []).append(probability)
    means = {key: sum(values) / len(values) for key, values in sums.items()}
    hardest = sorted(means, key=lambda key: (means[key], key))[:most]
    by_dilemma: dict[str, list[Prediction]] = {key: [] for key in hardest}
    for prediction in judged:
        if (key := str(prediction["dilemma"])) in by_dilemma:
            by_dilemma[key].append(prediction)
    return [_case(dilemmas[key], means[key], by_dilemma[key], labels) for key in hardest]


def _case(
    dilemma: Mapping[str, Any], probability: float, predictions: Iterable[Prediction], labels: Mapping[str, MethodLabel]
) -> Case:
    counts: dict[str, dict[str, Counter[int]]] = {name: {} for name in labels}
    gold: dict[str, set[int]] = {}
    for prediction in predictions:
        method, pole, chosen = (prediction.get(key) for key in ("method", "pole", "chosen"))
        if method in counts and isinstance(chosen, int):
            counts[str(method)].setdefault(str(pole), Counter())[chosen] += 1
            gold.setdefault(str(pole), set()).update(prediction.get("gold") or ())
    poles = poles_of(str(dilemma.get("value_pair", "")), gold)
    picks = {
        name: {
            pole: [
                Pick(letter(i), times, i in gold[pole])
                for i, times in sorted(count.items(), key=lambda c: (-c[1], c[0]))
            ]
            for pole, count in by_pole.items()
        }
        for name, by_pole in counts.items()
        if by_pole
    }
    return Case(dilemma, probability, poles, picks)
