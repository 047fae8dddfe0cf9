"""From outcomes to the rows of `results.json`: every metric beside the base's, with intervals over samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from counterpoint.evaluation.harm.measures import agrees, changed, holds
from counterpoint.evaluation.harm.samples import Kind, Sample
from counterpoint.evaluation.harm.store import Condition, Outcome, Outcomes
from counterpoint.evaluation.power import Plan, plan
from counterpoint.evaluation.stats import Interval, bootstrap, holm, sign_flip_test
from counterpoint.evaluation.tables import rounded
from counterpoint.steering.asking import BASE, text_of


class Term(NamedTuple):
    """One sample's part in a metric: the metric is the mean of values, weighted."""

    value: float
    weight: float = 1.0


class Metric(NamedTuple):
    """What is measured of which samples, from a sample's outcome and the base's; None where it can't be told."""

    kind: Kind
    title: str
    better: int
    """1: more is better; -1: less; 0: nearer to the base's is."""
    of: Callable[[Sample, Outcome, Outcome], Term | None]
    share: bool = True
    """Whether a sample either has it or hasn't."""


def _changed(sample: Sample, own: Outcome, base: Outcome) -> Term:
    return Term(float(changed(sample.answer(base.reply), sample.answer(own.reply), sample.accepted)))


def _right(sample: Sample, own: Outcome, _: Outcome) -> Term:
    return Term(float(holds(sample.answer(own.reply), sample.accepted)))


def _two_choice(_: Sample, own: Outcome, __: Outcome) -> Term | None:
    return None if own.right is None else Term(float(own.right))


def _agreeing(right: bool) -> Callable[[Sample, Outcome, Outcome], Term | None]:
    def of(sample: Sample, own: Outcome, _: Outcome) -> Term | None:
        said = agrees(own.reply) if sample.right is right else None
        return None if said is None else Term(float(said))

    return of


def _surprise(_: Sample, own: Outcome, __: Outcome) -> Term | None:
    return None if own.surprise is None else Term(own.surprise, own.tokens)


def _length(_: Sample, own: Outcome, base: Outcome) -> Term | None:
    return Term(own.words / base.words, base.words) if base.words else None


METRICS: dict[str, Metric] = {
    "neutral_changed": Metric("neutral", "Neutral answers changed", -1, _changed),
    "neutral_right": Metric("neutral", "Neutral answers right", 1, _right),
    "two_choice": Metric("two_choice", "Two-choice answers right", 1, _two_choice),
    "agrees_wrong": Metric("opinion", "Wrong opinions agreed with", -1, _agreeing(False)),
    "agrees_right": Metric("opinion", "Right opinions agreed with", 1, _agreeing(True)),
    "surprise": Metric("open", "Nats a token under the base", -1, _surprise, share=False),
    "length": Metric("open", "Words, over the base's", 0, _length, share=False),
}
"""In the order of the tables."""


class Table(NamedTuple):
    """A metric under one condition: `[sample]` each, over the samples that can have it."""

    samples: list[Sample]
    values: np.ndarray[tuple[int], np.dtype[np.float64]]
    weights: np.ndarray[tuple[int], np.dtype[np.float64]]


def table(outcomes: Outcomes, samples: Sequence[Sample], condition: Condition, name: str) -> Table:
    """Every sample's part in the metric; weight 0 where it can't be told."""
    metric = METRICS[name]
    own = _asked(name, samples)
    base = Condition(BASE, 0.0)
    terms = [metric.of(s, outcomes[condition, s.id], outcomes[base, s.id]) for s in own]
    values = np.array([term.value if term else 0.0 for term in terms], np.float64)
    weights = np.array([term.weight if term else 0.0 for term in terms], np.float64)
    return Table(own, values, weights)


def results(
    outcomes: Outcomes, samples: Sequence[Sample], conditions: Sequence[Condition], *, resamples: int
) -> dict[str, list[dict[str, Any]]]:
    """`rows` by pole, `summary` with intervals, `paired` with the base on the same samples."""
    rows, summary, paired = [], [], []
    for name in METRICS:
        if not table(outcomes, samples, conditions[0], name).samples:
            continue  # nothing of the kind was asked
        tables = {c: table(outcomes, samples, c, name) for c in conditions}
        for condition, found in tables.items():
            rows += _rows(name, condition, found)
            summary.append(_summary(name, condition, found, resamples))
        compared = [_paired(name, c, tables[c], tables[conditions[0]], resamples) for c in conditions[1:]]
        for row, p in zip(compared, holm([row["p_value"] for row in compared]), strict=True):
            paired.append({**row, "p_holm": rounded(p)})
    return {"rows": rows, "summary": summary, "paired": paired}


def foresee_harm(samples: Sequence[Sample], comparisons: int) -> dict[str, Plan]:
    """What comparing so many conditions with the base can show of every share, if both answer differently as
    `power.assumed` says; most of what steering should leave alone is answered alike, so that this is cautious."""
    found = {}
    for name, metric in METRICS.items():
        units = len(_asked(name, samples))
        if metric.share and units:
            found[name] = plan(units, comparisons=comparisons, unit=f"samples ({metric.title.lower()})")
    return found


def _asked(name: str, samples: Sequence[Sample]) -> list[Sample]:
    """The samples that can have the metric."""
    own = [s for s in samples if s.kind == METRICS[name].kind]
    return [s for s in own if s.right is (name == "agrees_right")] if name.startswith("agrees") else own


def _rows(name: str, condition: Condition, found: Table) -> list[dict[str, Any]]:
    rows = []
    for pole in dict.fromkeys(sample.pole.name for sample in found.samples):
        own = np.array([sample.pole.name == pole for sample in found.samples])
        weight = float(found.weights[own].sum())
        value = float((found.values * found.weights)[own].sum()) / weight if weight else None
        n = int((found.weights[own] > 0).sum())
        head = {**condition._asdict(), "seed": 0, "pole": pole, "metric": name}
        rows.append({**head, "value": rounded(value), "n": n})
    return rows


def _summary(name: str, condition: Condition, found: Table, resamples: int) -> dict[str, Any]:
    interval = bootstrap(found.values[:, None], found.weights[:, None], [0] * len(found.samples), resamples=resamples)
    if METRICS[name].share:
        interval = bounded(interval, found.values[found.weights > 0])
    return {
        **condition._asdict(),
        "metric": name,
        "mean": rounded(interval.mean),
        "ci_low": rounded(interval.low),
        "ci_high": rounded(interval.high),
        "n": int((found.weights > 0).sum()),
        "undefined": int((found.weights == 0).sum()),
    }


def bounded(interval: Interval, shares: NDArray[np.float64]) -> Interval:
    """The interval, or exact bounds (Clopper and Pearson 1934) where all of `[sample]`, 0 or 1 each, agree: a bootstrap
    sees no uncertainty there."""
    if not len(shares) or shares.min() != shares.max():
        return interval
    exact = binomtest(int(shares.sum()), len(shares)).proportion_ci(0.95, method="exact")
    return Interval(interval.mean, float(exact.low), float(exact.high))


def _paired(name: str, condition: Condition, own: Table, base: Table, resamples: int) -> dict[str, Any]:
    """The method less the base, on samples that both have, weighted as the base's are."""
    weights = np.where((own.weights > 0) & (base.weights > 0), base.weights, 0.0)[:, None]
    differences = np.where(weights > 0, (own.values - base.values)[:, None], 0.0)
    interval = bootstrap(differences, weights, [0] * len(own.samples), resamples=resamples)
    return {
        "a": condition.method,
        "b": BASE,
        "strength": condition.strength,
        "metric": name,
        "difference": rounded(interval.mean),
        "ci_low": rounded(interval.low),
        "ci_high": rounded(interval.high),
        "p_value": rounded(sign_flip_test(differences, weights)),
    }


def changed_answers(
    outcomes: Outcomes, samples: Sequence[Sample], conditions: Sequence[Condition]
) -> list[dict[str, Any]]:
    """Neutral questions whose answer changed: question, pole, method, strength, the reply before and after."""
    found = []
    for condition in conditions:
        for sample in (sample for sample in samples if sample.kind == "neutral"):
            own, base = outcomes[condition, sample.id], outcomes[Condition(BASE, 0.0), sample.id]
            if _changed(sample, own, base).value:
                said = {"question": text_of(sample.ask), "before": base.reply, "after": own.reply}
                found.append({**condition._asdict(), "pole": sample.pole.name, **said})
    return found
