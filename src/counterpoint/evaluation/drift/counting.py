"""From people followed to the rows of `results.json`.

Alignment has intervals over people and scenarios both (`history.counting.pigeonhole`), choices to turn round are
medians with a bootstrap over people, shares of people have exact binomial intervals (Clopper and Pearson 1934): a
bootstrap sees nothing in 0 of n. Who never turned within their life counts as one choice more than it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from counterpoint.evaluation.drift.following import Followed, spread
from counterpoint.evaluation.drift.lives import Life
from counterpoint.evaluation.history.counting import Answers, pigeonhole
from counterpoint.evaluation.stats import holm, sign_flip_test
from counterpoint.evaluation.tables import rounded, verdict
from counterpoint.types import Taxonomy

Array = NDArray[np.float64]
ALIGNMENT, AFTER, TURN, NEVER = "alignment", "alignment_after", "choices_to_turn", "never_turned"
NOTICED, DELAY, FALSE = "change_noticed", "choices_to_notice", "false_alarm"
LOWER = (TURN, NEVER, DELAY, FALSE)
"""Metrics of which less is better."""


class Condition(NamedTuple):
    """What happens to people, and how often they choose at random."""

    change: str
    noise: float


@dataclass(frozen=True)
class Group:
    """All people of one condition, seeds one after the other, and how each method followed them."""

    lives: Sequence[Life]
    seeds: Sequence[int]
    """`[person]`."""
    followed: Mapping[str, Sequence[Followed]]
    """By method, `[person]`."""


@dataclass(frozen=True)
class Frame:
    """What all conditions share."""

    taxonomy: Taxonomy
    scenarios: NDArray[np.intp]
    """`[dilemma]`, equal numbers for one scenario."""
    moments: Sequence[int]
    before: int
    after: int
    resamples: int


def answers(group: Group, method: str, moment: int, frame: Frame) -> Answers:
    """One method at one moment, by index."""
    right = spread(group.followed[method], group.lives, moment, len(frame.scenarios))
    cells = np.array([life.cell for life in group.lives])
    return Answers(right, cells, np.array(group.seeds), frame.scenarios)


def rows(groups: Mapping[Condition, Group], frame: Frame) -> list[dict[str, Any]]:
    """Alignment by condition, method, moment, seed and the pole that people stand on at first."""
    found = []
    for condition, group in groups.items():
        for method in group.followed:
            for index, moment in enumerate(frame.moments):
                own = answers(group, method, index, frame)
                for seed in sorted(set(group.seeds)):
                    for cell in sorted(set(own.cell.tolist())):
                        right = own.right[(own.seed == seed) & (own.cell == cell)]
                        known = right[~np.isnan(right)]
                        pair, pole = frame.taxonomy.pairs[cell // 2].name, frame.taxonomy.poles[cell].name
                        about = {"method": method, **condition._asdict(), "since": moment, "seed": seed}
                        value = rounded(float(known.mean())) if len(known) else None
                        about |= {"value_pair": pair, "pole": pole, "metric": ALIGNMENT}
                        found.append({**about, "value": value, "n": len(known)})
    return found


def summarise(groups: Mapping[Condition, Group], frame: Frame) -> list[dict[str, Any]]:
    """Every metric of every method under every condition."""
    summary: list[dict[str, Any]] = []
    for condition, group in groups.items():
        methods = list(group.followed)
        for index, moment in enumerate(frame.moments):
            means = pigeonhole([answers(group, m, index, frame) for m in methods], resamples=frame.resamples)
            for method, draws in zip(methods, means, strict=True):
                about = {"method": method, "metric": ALIGNMENT, **condition._asdict(), "since": moment}
                summary.append({**about, **_interval(draws, "mean"), "n": _asked(group, method, index)})
        means = pigeonhole([_after(group, method, frame) for method in methods], resamples=frame.resamples)
        for method, draws in zip(methods, means, strict=True):
            about = {"method": method, "metric": AFTER, **condition._asdict()}
            summary.append({**about, **_interval(draws, "mean"), "n": len(group.lives)})
        for method in methods:
            summary += [
                {"method": method, **condition._asdict(), **row} for row in _of_people(condition, group, method, frame)
            ]
    return summary


def pair_up(
    groups: Mapping[Condition, Group], proposal: str, labels: Mapping[str, str], frame: Frame
) -> list[dict[str, Any]]:
    """The proposal against every other method by alignment after the change; p flips the signs of whole people."""
    paired: list[dict[str, Any]] = []
    for condition, group in groups.items():
        mine = _after(group, proposal, frame)
        for method in group.followed:
            if method == proposal:
                continue
            other = _after(group, method, frame)
            means = pigeonhole([mine, other], resamples=frame.resamples)
            difference = np.nanmean(mine.right, axis=1) - np.nanmean(other.right, axis=1)
            cells = np.zeros((len(difference), int(mine.cell.max()) + 1))
            cells[np.arange(len(difference)), mine.cell] = 1.0
            p_value = rounded(sign_flip_test(difference[:, None] * cells, cells))
            about = {"a": proposal, "b": method, "metric": AFTER, **condition._asdict()}
            paired.append({**about, **_interval(means[0] - means[1], "difference"), "p_value": p_value})
    for row, p in zip(paired, holm([row["p_value"] for row in paired]), strict=True):
        row["p_holm"] = rounded(p)
        row["verdict"] = verdict(row, labels)
    return paired


def _of_people(condition: Condition, group: Group, method: str, frame: Frame) -> list[dict[str, Any]]:
    """Turning round and noticing, of people who change; false alarms, of people who don't."""
    followed, people = group.followed[method], len(group.lives)
    before = sum(own.alarm is not None and own.alarm <= frame.before for own in followed)
    if condition.change == "steady":
        return [{"metric": FALSE, **_share(sum(own.alarm is not None for own in followed), people)}]
    turned = [frame.after + 1 if own.turned is None else own.turned for own in followed]
    noticed = [own.alarm - frame.before for own in followed if own.alarm is not None and own.alarm > frame.before]
    return [
        {"metric": TURN, **_median(turned, frame.resamples)},
        {"metric": NEVER, **_share(sum(own.turned is None for own in followed), people)},
        {"metric": NOTICED, **_share(len(noticed), people)},
        {"metric": DELAY, **_median(noticed, frame.resamples)},
        {"metric": FALSE, **_share(before, people)},
    ]


def _after(group: Group, method: str, frame: Frame) -> Answers:
    """Mean over the moments after the change at which anything of it can be known."""
    late = [index for index, moment in enumerate(frame.moments) if moment > 0]
    own = [answers(group, method, index, frame) for index in late]
    return own[0]._replace(right=np.mean([one.right for one in own], axis=0))


def _asked(group: Group, method: str, moment: int) -> int:
    return sum(len(own.right[moment]) for own in group.followed[method])


def _interval(draws: Array, name: str) -> dict[str, float | None]:
    known = draws[1:][~np.isnan(draws[1:])]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return {name: rounded(draws[0]), "ci_low": rounded(low), "ci_high": rounded(high)}


def _median(values: Sequence[float], resamples: int) -> dict[str, Any]:
    """Median with a percentile bootstrap over people; None of nobody."""
    if not values:
        return {"mean": None, "ci_low": None, "ci_high": None, "n": 0, "statistic": "median"}
    sample = np.array(values, float)
    draws = np.median(sample[np.random.default_rng(0).integers(len(sample), size=(resamples, len(sample)))], axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    ends = {"ci_low": rounded(float(low)), "ci_high": rounded(float(high))}
    return {"mean": rounded(float(np.median(sample))), **ends, "n": len(values), "statistic": "median"}


def _share(count: int, people: int) -> dict[str, Any]:
    found = binomtest(count, people).proportion_ci(0.95, method="exact")
    ends = {"ci_low": rounded(float(found.low)), "ci_high": rounded(float(found.high))}
    return {"mean": rounded(count / people), **ends, "n": people}
