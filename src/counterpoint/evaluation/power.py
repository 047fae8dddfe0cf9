"""What a comparison can show, said before it is run: minimum detectable effect and power of a paired test.

A paired difference of two methods over n units (scenarios, people) with standard deviation s a unit has standard error
s / sqrt(n); it is told from 0 at level alpha with the probability `power` where it is
(z(1 - alpha / 2) + z(power)) s / sqrt(n) (Cohen 1988, ch. 2). For right and wrong answers s^2 is at most the share of
units that the two answer differently.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import ndtr, ndtri

from counterpoint.errors import BadInputError

ALPHA, POWER = 0.05, 0.8


ASSUMED_DISAGREEMENT = 0.2
"""Share of answers that two methods are assumed to give differently where no pilot says."""

LOOKED_AT = (0.02, 0.05, 0.1, 0.2)
"""True differences of shares whose power is told."""

GRADES_LOOKED_AT = (0.1, 0.25, 0.5, 1.0)
"""Of grades."""


class Spread(NamedTuple):
    """How much two methods' difference varies from unit to unit, and how that is known."""

    sd: float
    """Standard deviation of a unit's difference, in the metric's own points."""
    basis: str
    """An assumption, or a pilot's name, in words that go on from "if"."""


class Plan(NamedTuple):
    """A planned comparison: what goes into `results.json` as `power`."""

    units: int
    """Independent units (scenarios, people)."""
    comparisons: int
    """Made at once; Holm's first step is assumed."""
    alpha: float
    power: float
    sd: float
    basis: str
    minimum_detectable_effect: float
    """The smallest true difference found with the power asked for."""
    power_for: list[dict[str, float]]
    """Probability that true differences of several sizes are found."""
    sentence: str


def minimum_detectable_effect(
    units: int, sd: float, *, alpha: float = ALPHA, power: float = POWER, comparisons: int = 1
) -> float:
    """The smallest true difference that the test finds with probability `power`, in the metric's own points.

    Args:
        units: independent units that both methods answer.
        sd: standard deviation of a unit's difference.
        alpha: level of the two-sided test; with several comparisons Holm's first step is assumed, alpha / comparisons.
        power: wanted.
        comparisons: how many are made at once.
    """
    _check(units, sd, alpha, comparisons)
    if not 0 < power < 1:
        raise BadInputError(f"power is {power}; expected between 0 and 1")
    return float((ndtri(1 - alpha / comparisons / 2) + ndtri(power)) * sd / math.sqrt(units))


def power_of(effect: float, units: int, sd: float, *, alpha: float = ALPHA, comparisons: int = 1) -> float:
    """The probability that a true difference of this size is found."""
    _check(units, sd, alpha, comparisons)
    shift, reach = abs(effect) * math.sqrt(units) / sd, float(ndtri(1 - alpha / comparisons / 2))
    return float(ndtr(shift - reach) + ndtr(-shift - reach))


def sd_of_disagreement(share: float, effect: float = 0.0) -> float:
    """Standard deviation of a unit's difference where two methods answer `share` of the units differently."""
    if not 0 <= share <= 1 or abs(effect) > share:
        raise BadInputError(f"a share of {share} answered differently can't give a difference of {effect}")
    return math.sqrt(share - effect**2)


def assumed(disagreement: float = ASSUMED_DISAGREEMENT) -> Spread:
    """The spread of right and wrong answers if methods differ on that share of them."""
    return Spread(sd_of_disagreement(disagreement), f"methods differ on {disagreement:.0%} of the answers")


def plan(
    units: int,
    *,
    comparisons: int = 1,
    spread: Spread | None = None,
    unit: str = "scenarios",
    scale: float = 100.0,
) -> Plan:
    """What a comparison over `units` can show.

    Args:
        units: independent units that both methods answer.
        comparisons: how many are made at once.
        spread: of a unit's difference; `assumed()` where nothing is known.
        unit: what units are, in the plural.
        scale: points in one of the metric: 100 for shares, 1 for grades.
    """
    spread = spread or assumed()
    effect = minimum_detectable_effect(units, spread.sd, comparisons=comparisons)
    size = f"{effect:.2f}" if scale == 1 else f"{scale * effect:.1f}"
    among = f", corrected for {comparisons} comparisons" if comparisons > 1 else ""
    sentence = (
        f"With {units} {unit} a difference of {size} points or more is found {POWER:.0%} of the time"
        f"{among}, if {spread.basis}; smaller ones will mostly be missed."
    )
    powers = [
        {"difference": d, "power": round(power_of(d, units, spread.sd, comparisons=comparisons), 4)}
        for d in (GRADES_LOOKED_AT if scale == 1 else LOOKED_AT)
    ]
    return Plan(units, comparisons, ALPHA, POWER, round(spread.sd, 6), spread.basis, round(effect, 6), powers, sentence)


def _check(units: int, sd: float, alpha: float, comparisons: int) -> None:
    if units < 1 or comparisons < 1 or sd <= 0 or not 0 < alpha < 1:
        raise BadInputError(
            f"units {units}, comparisons {comparisons}, sd {sd}, alpha {alpha}; expected at least 1, at least 1, "
            "above 0, and between 0 and 1"
        )
