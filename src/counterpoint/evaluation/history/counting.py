"""From answers to the rows of `results.json`, with intervals over people and scenarios. Axes: `person`, `dilemma`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.evaluation.stats import holm, sign_flip_test
from counterpoint.evaluation.tables import rounded, verdict
from counterpoint.types import Taxonomy

Array = NDArray[np.float64]

METRIC, GAIN = "alignment", "relative_gain"
RESAMPLES = 2000


class Condition(NamedTuple):
    """Who answered, after how many choices, made by people who choose at random `noise` of the time."""

    method: str
    history: int
    noise: float


class Answers(NamedTuple):
    """What one method answered under one condition, all seeds together.

    Attributes:
        right: `[person, dilemma]`, 1 where the first option serves the person's side; NaN where not asked. For methods
            that are two models, their mean.
        cell: `[person]`, index of the pole they stand on.
        seed: `[person]`.
        scenario: `[dilemma]`, equal numbers for dilemmas of one scenario.
    """

    right: Array
    cell: NDArray[np.intp]
    seed: NDArray[np.intp]
    scenario: NDArray[np.intp]


Table = Mapping[Condition, Answers]


def rows(table: Table, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Alignment by condition, seed and pole."""
    found = []
    for condition, answers in table.items():
        for seed in np.unique(answers.seed):
            for cell, pole in enumerate(taxonomy.poles):
                right = answers.right[(answers.seed == seed) & (answers.cell == cell)]
                known = right[~np.isnan(right)]
                if not len(right):
                    continue
                about = {"value_pair": taxonomy.pairs[cell // 2].name, "pole": pole.name, "metric": METRIC}
                value = {"value": rounded(known.mean()) if len(known) else None, "n": len(known)}
                found.append({**condition._asdict(), "seed": int(seed), **about, **value})
    return found


def pigeonhole(answers: Sequence[Answers], *, resamples: int = RESAMPLES, seed: int = 0) -> Array:
    """Mean alignment of several methods in the same bootstrap samples, `[method, resample]`; first the data's own.

    People and scenarios are both drawn anew, each weight a product (Owen 2007, doi:10.1214/07-AOAS122): people who met
    the same dilemmas are not independent. Poles have equal say. Cautious: the interval is if anything too wide.
    """
    rng = np.random.default_rng(seed)
    first = answers[0]
    cells = [np.flatnonzero(first.cell == cell) for cell in np.unique(first.cell)]
    of_people, of_scenarios = np.ones((resamples, len(first.cell))), np.ones((resamples, int(first.scenario.max()) + 1))
    of_scenarios[1:] = _drawn(rng, of_scenarios[1:].shape)
    for members in cells:
        of_people[1:, members] = _drawn(rng, (resamples - 1, len(members)))
    of_dilemmas = of_scenarios[:, first.scenario]
    means = np.zeros((len(answers), resamples))
    for row, answer in enumerate(answers):
        asked = ~np.isnan(answer.right)
        right = np.where(asked, answer.right, 0.0)
        total = [((of_people[:, m] @ right[m]) * of_dilemmas).sum(axis=1) for m in cells]
        weight = [((of_people[:, m] @ asked[m]) * of_dilemmas).sum(axis=1) for m in cells]
        with np.errstate(invalid="ignore"):
            means[row] = np.nanmean(np.array(total) / np.array(weight), axis=0)
    return means


def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """How often each of `shape[1]` units is drawn, with replacement, in each of `shape[0]` samples."""
    return rng.multinomial(shape[1], np.full(shape[1], 1 / shape[1]), shape[0]).astype(float)


def summarise(table: Table, rival: str, *, resamples: int = RESAMPLES) -> list[dict[str, Any]]:
    """Alignment of every method under every condition, and its gain relative to the rival's."""
    summary = []
    for history, noise, methods in _conditions(table):
        answers = [table[Condition(method, history, noise)] for method in methods]
        means = pigeonhole(answers, resamples=resamples)
        against = means[methods.index(rival)]
        for row, method in enumerate(methods):
            counts = {"seeds": len(np.unique(answers[row].seed)), "n": int((~np.isnan(answers[row].right)).sum())}
            about = {"method": method, "history": history, "noise": noise, **counts}
            summary.append({"metric": METRIC, **about, **_interval(means[row], "mean")})
            if method != rival:
                # where the rival was never right no ratio is defined
                gain = np.divide(means[row], against, out=np.full_like(against, np.nan), where=against > 0) - 1
                summary.append({"metric": GAIN, "over": rival, **about, **_interval(gain, "mean")})
    return summary


def pair_up(
    table: Table, proposal: str, labels: Mapping[str, str], *, resamples: int = RESAMPLES
) -> list[dict[str, Any]]:
    """The proposal against every other method, by person; p flips the signs of whole people, Holm's over all rows."""
    paired: list[dict[str, Any]] = []
    for history, noise, methods in _conditions(table):
        mine = table[Condition(proposal, history, noise)]
        for method in methods:
            if method == proposal:
                continue
            other = table[Condition(method, history, noise)]
            means = pigeonhole([mine, other], resamples=resamples)
            difference = np.nanmean(mine.right, axis=1) - np.nanmean(other.right, axis=1)
            cells = np.zeros((len(difference), int(mine.cell.max()) + 1))
            cells[np.arange(len(difference)), mine.cell] = 1.0
            about = {"a": proposal, "b": method, "metric": METRIC, "history": history, "noise": noise}
            p_value = rounded(sign_flip_test(difference[:, None] * cells, cells))
            paired.append({**about, **_interval(means[0] - means[1], "difference"), "p_value": p_value})
    for row, p in zip(paired, holm([row["p_value"] for row in paired]), strict=True):
        row["p_holm"] = rounded(p)
        row["verdict"] = verdict(row, labels)
    return paired


def _conditions(table: Table) -> list[tuple[int, float, list[str]]]:
    """(history, noise, methods), methods in the table's order."""
    keys = sorted({(condition.history, condition.noise) for condition in table})
    return [(h, n, [c.method for c in table if (c.history, c.noise) == (h, n)]) for h, n in keys]


def _interval(draws: Array, name: str) -> dict[str, float | None]:
    known = draws[1:][~np.isnan(draws[1:])]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return {name: rounded(draws[0]), "ci_low": rounded(low), "ci_high": rounded(high)}
