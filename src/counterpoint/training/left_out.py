"""How well a kernel predicts the poles of dilemmas left out: what decides whether the head gets a further term."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Groups = NDArray[np.intp]

RIDGES = (0.3, 1.0, 3.0)


def held_out(kernel: Array, sign: Array, group: Groups) -> Array:
    """Squared error of kernel ridge regression on each dilemma left out, at the ridge that is best: `[dilemma]`.

    Signs and kernel are centred within dilemmas, as the softmax over options does. No model is fitted anew: with
    C = (K + ridge I)^-1 the residuals of a group g left out are C_gg^-1 (C y)_g (Rasmussen and Williams 2006, eq. 5.12,
    for groups).
    """
    kernel, target = _centred(_centred(kernel, group).T, group), _centred(sign[:, None], group)[:, 0]
    ends = np.searchsorted(group, np.arange(group[-1] + 2))
    errors = np.zeros((len(RIDGES), len(ends) - 1))
    for i, ridge in enumerate(RIDGES):
        precision = np.linalg.inv(kernel + ridge * np.eye(len(kernel)))
        weighted = precision @ target
        for g, (start, end) in enumerate(pairwise(ends)):
            residual = np.linalg.solve(precision[start:end, start:end], weighted[start:end])
            errors[i, g] = (residual**2).mean()
    return np.asarray(errors[errors.mean(1).argmin()])


def _centred(rows: Array, group: Groups) -> Array:
    """The rows without their group's mean; groups are numbered and stand together."""
    starts = np.searchsorted(group, np.arange(group[-1] + 1))
    means = np.add.reduceat(rows, starts, axis=0) / np.bincount(group)[:, None]
    return np.asarray(rows - means[group])
