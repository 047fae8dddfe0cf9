"""How far judges agree with each other and with labels, from verdicts. The measures are in `agreement.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from counterpoint.evaluation.agreement import Level, krippendorff_alpha, weighted_kappa
from counterpoint.evaluation.judge import Preference, Verdict


def mean_scores(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """By item, over repeats; items without any score are left out."""
    found: dict[str, list[float]] = {}
    for verdict in verdicts:
        if verdict.score is not None:
            found.setdefault(verdict.item.id, []).append(verdict.score)
    return {item: sum(scores) / len(scores) for item, scores in found.items()}


@dataclass(frozen=True)
class Concord:
    """Agreement of several raters."""

    alpha: float | None
    """Krippendorff's, over all raters."""
    kappa: Mapping[tuple[str, str], float | None]
    """Weighted, quadratic, of each two raters over what both rated."""
    items: int
    """Rated by two or more."""


def concord(ratings: Mapping[str, Mapping[str, float]], *, level: Level = "interval") -> Concord:
    """From rater's name to item to rating; people's labels are a rater like any other."""
    items = sorted({item for own in ratings.values() for item in own})
    table = np.array([[own.get(item, np.nan) for item in items] for own in ratings.values()])
    kappa = {}
    for (a, one), (b, other) in combinations(ratings.items(), 2):
        both = [item for item in items if item in one and item in other]
        pair = [np.array([own[item] for item in both]) for own in (one, other)]
        kappa[a, b] = weighted_kappa(pair[0], pair[1]) if both else None
    rated = int(((~np.isnan(table)).sum(0) >= 2).sum()) if items else 0
    return Concord(krippendorff_alpha(table, level=level) if rated else None, kappa, rated)


@dataclass(frozen=True)
class Tally:
    """Preferences counted."""

    one: int
    other: int
    tie: int
    """Flipped ones too."""
    flipped: int
    failed: int

    @property
    def win_rate(self) -> float | None:
        """Of `one`, a tie being half; None without any preference."""
        total = self.one + self.other + self.tie
        return (self.one + self.tie / 2) / total if total else None


def tally(preferences: Sequence[Preference]) -> Tally:
    """How often each was preferred."""
    chosen = [preference.choice for preference in preferences]
    return Tally(
        chosen.count("one"),
        chosen.count("other"),
        chosen.count("tie"),
        sum(preference.flipped for preference in preferences),
        chosen.count(None),
    )
