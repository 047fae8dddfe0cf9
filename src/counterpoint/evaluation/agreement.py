"""How far judges agree with each other and with people: Krippendorff's alpha and weighted kappa.

Krippendorff 2011, "Computing Krippendorff's alpha-reliability"; Cohen 1968, doi:10.1037/h0026256. Both are 1 for full
agreement and 0 for that of chance; they are None where ratings don't differ at all, because then chance agrees too.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError

Array = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
"""What differences mean: `nominal`, different or not; `ordinal`, ranks between; `interval`, squared distance."""


def krippendorff_alpha(ratings: Array, *, level: Level = "interval") -> float | None:
    """alpha = 1 - observed / expected disagreement, from ratings `[rater, item]` with NaN where there is none.

    Items with fewer than two ratings say nothing and are left out.
    """
    if ratings.ndim != 2:
        raise BadInputError(f"ratings have shape {ratings.shape}; expected [rater, item]")
    ratings = ratings[:, (~np.isnan(ratings)).sum(0) >= 2]
    known = ratings[~np.isnan(ratings)]
    values, counts = np.unique(known, return_counts=True)
    if len(values) < 2:
        return None
    distance = _distances(values, counts.astype(float), level)
    coincidence = np.zeros((len(values), len(values)))
    for item in ratings.T:
        own = np.searchsorted(values, item[~np.isnan(item)])
        tally = np.bincount(own, minlength=len(values)).astype(float)
        coincidence += (np.outer(tally, tally) - np.diag(tally)) / (len(own) - 1)
    total = coincidence.sum(1)
    observed = (coincidence * distance).sum()
    expected = (np.outer(total, total) * distance).sum() / (total.sum() - 1)
    return float(1 - observed / expected)


def weighted_kappa(one: Array, other: Array, *, weights: Literal["linear", "quadratic"] = "quadratic") -> float | None:
    """Cohen's kappa of two raters, `[item]` each, disagreements weighted by their distance or its square."""
    if one.shape != other.shape or one.ndim != 1 or not len(one):
        raise BadInputError(f"ratings have shapes {one.shape} and {other.shape}; expected two of the same [item]")
    power = 1 if weights == "linear" else 2
    observed = (np.abs(one - other) ** power).mean()
    expected = (np.abs(one[:, None] - other[None]) ** power).mean()
    return float(1 - observed / expected) if expected else None


def _distances(values: Array, counts: Array, level: Level) -> Array:
    """Squared differences between values, `[value, value]`."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "ordinal":
        # ranks: all ratings below a value and half of those equal to it
        values = np.cumsum(counts) - counts / 2
    elif level != "interval":
        raise BadInputError(f"level is {level!r}; expected nominal, ordinal or interval")
    return np.asarray((values[:, None] - values[None]) ** 2)
