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


class Plan(NamedTuple):
    """A planned comparison."""

    units: int
    comparisons: int
    minimum_detectable_effect: float
    """The smallest true difference found with the power asked for."""
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


def plan(units: int, *, comparisons: int = 1, disagreement: float = 0.2) -> Plan:
    """What a comparison of right and wrong answers over `units` can show, if methods differ on a share of them."""
    effect = minimum_detectable_effect(units, sd_of_disagreement(disagreement), comparisons=comparisons)
    among = f", corrected for {comparisons} comparisons" if comparisons > 1 else ""
    sentence = (
        f"With {units} scenarios a difference of {100 * effect:.1f} points or more is found {POWER:.0%} of the time"
        f"{among}, if methods differ on {disagreement:.0%} of the answers; smaller ones will mostly be missed."
    )
    return Plan(units, comparisons, effect, sentence)


def _check(units: int, sd: float, alpha: float, comparisons: int) -> None:
    if units < 1 or comparisons < 1 or sd <= 0 or not 0 < alpha < 1:
        raise BadInputError(
            f"units {units}, comparisons {comparisons}, sd {sd}, alpha {alpha}; expected at least 1, at least 1, "
            "above 0, and between 0 and 1"
        )
