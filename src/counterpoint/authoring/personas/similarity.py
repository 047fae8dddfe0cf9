"""Keep a vector only if it is like none kept before: the plain definition's decisions, at the speed of a product.

The plain definition: candidates come in order; one is kept if its cosine with every vector kept so far is at most the
threshold. `cosine` is the exact number, rounded once. Three things make the same decisions quick, none of which can
change one:

- candidates are multiplied with the pool many at a time in float32. What comes out within the error bound of the
  threshold is computed again by `cosine`; everything else is decided, whatever the order of summation.
- first, each candidate meets the one vector that looks most like it in a sketch of few dimensions (principal components
  of the pool). If that is too like it, as for four of five rejected texts, the rest of the pool is left alone.
- the pool is read in blocks, and a candidate already rejected is not taken along to the next.

A candidate that is kept has met the whole pool: no bound on cosines of sentence embeddings is tight enough to spare it
that for less than the product costs (`docs/log.md` says what was tried).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpoint.errors import BadInputError

Floats = NDArray[np.float32]
THRESHOLD = 0.6
"""ALOE's (arXiv 2410.03642), for another encoder than ours: what it lets through differs from encoder to encoder."""

SKETCH = 48
"""Dimensions of the sketch. Of 1,000 real texts that are too like another, four in five meet it at once."""
FIRST_SKETCH = 512
"""Vectors a pool must have before it is sketched; below, the whole product costs nothing."""
BLOCK = 2048
"""Vectors of the pool multiplied at a time, so that a block of them stays in the processor's cache."""
TOGETHER = 1024
"""Candidates taken at a time."""


def cosine(a: Sequence[float] | Floats, b: Sequence[float] | Floats) -> float:
    """The cosine of two float32 vectors, the same on every machine and in whatever order.

    Products of float32 numbers are exact in float64, and `fsum` rounds their sum correctly.
    """
    x, y = np.asarray(a, np.float32).astype(np.float64), np.asarray(b, np.float32).astype(np.float64)
    return math.fsum(x * y) / math.sqrt(math.fsum(x * x) * math.fsum(y * y))


class SimilarityFilter:
    """Vectors none of which are more alike than `threshold`, those of `keep_all` aside.

    Args:
        dimension: of every vector.
        threshold: largest cosine that is not too like.
    """

    def __init__(self, dimension: int, *, threshold: float = THRESHOLD) -> None:
        if not -1 <= threshold <= 1:
            raise BadInputError(f"the threshold of similarity must be between -1 and 1 (got {threshold})")
        self.dimension, self.threshold = dimension, threshold
        # float32 sums of d products of unit vectors' parts are off by d * 2^-24 at most; normalising adds far less
        self._slack = dimension * 2.0**-23
        self._count = 0
        self._given = np.empty((0, dimension), np.float32)  # [kept, dimension], room for more
        self._unit = np.empty((0, dimension), np.float32)
        self._sketched_at = 0
        self._basis = np.empty((dimension, 0), np.float32)  # [dimension, sketch]
        self._sketch = np.empty((0, 0), np.float32)  # [kept, sketch], rows of length 1

    def __len__(self) -> int:
        return self._count

    @property
    def vectors(self) -> Floats:
        """What was kept, in order: `[kept, dimension]`."""
        return self._given[: self._count]

    def keep_all(self, vectors: ArrayLike) -> None:
        """Keep vectors however alike: what a pool begins with."""
        given, unit = self._checked(vectors)
        self._keep(given, unit)

    def add(self, candidates: ArrayLike) -> NDArray[np.bool_]:
        """Decide on candidates in their order, and keep those that are like nothing kept before: `[candidate]`.

        Raises:
            BadInputError: a vector is zero, not finite, or of another dimension.
        """
        given, unit = self._checked(candidates)
        decided = np.zeros(len(given), bool)
        for start in range(0, len(given), TOGETHER):
            part = slice(start, start + TOGETHER)
            decided[part] = self._add(given[part], unit[part])
        return decided

    def _add(self, given: Floats, unit: Floats) -> NDArray[np.bool_]:
        open_ = np.flatnonzero(~self._meets_its_like(given, unit))
        for start in range(0, self._count, BLOCK):
            block = slice(start, min(start + BLOCK, self._count))
            near = self._near(given[open_], unit[open_], self._given[block], self._unit[block])
            open_ = open_[~near.any(1)]
        near = self._near(given[open_], unit[open_], given[open_], unit[open_])
        kept = np.zeros(len(open_), bool)
        for i in range(len(open_)):
            kept[i] = not near[i, :i][kept[:i]].any()
        chosen = open_[kept]
        self._keep(given[chosen], unit[chosen])
        decided = np.zeros(len(given), bool)
        decided[chosen] = True
        return decided

    def _meets_its_like(self, given: Floats, unit: Floats) -> NDArray[np.bool_]:
        """Whether a candidate is too like the kept vector that looks most like it in the sketch: `[candidate]`."""
        found = np.zeros(len(given), bool)
        if self._basis.size:
            like = ((unit @ self._basis) @ self._sketch[: self._count].T).argmax(1)
            cosines = np.einsum("cd,cd->c", unit, self._unit[like])
            for i in np.flatnonzero(cosines > self.threshold - self._slack):
                found[i] = self._too_alike(float(cosines[i]), given[i], self._given[like[i]])
        return found

    def _near(self, given: Floats, unit: Floats, others: Floats, units: Floats) -> NDArray[np.bool_]:
        """Which are too alike: `[one, other]`."""
        cosines = unit @ units.T
        near = cosines > self.threshold - self._slack
        for i, j in np.argwhere(near & (cosines <= self.threshold + self._slack)) if near.any() else ():
            near[i, j] = self._too_alike(float(cosines[i, j]), given[i], others[j])
        return near

    def _too_alike(self, estimate: float, a: Floats, b: Floats) -> bool:
        """Whether the cosine is above the threshold, its estimate in float32 being known."""
        if abs(estimate - self.threshold) > self._slack:
            return estimate > self.threshold
        return cosine(a, b) > self.threshold

    def _checked(self, vectors: ArrayLike) -> tuple[Floats, Floats]:
        """Vectors as given and at length 1."""
        given = np.ascontiguousarray(np.asarray(vectors, np.float32))
        if given.size == 0:
            given = given.reshape(0, self.dimension)
        if given.ndim != 2 or given.shape[1] != self.dimension:
            raise BadInputError(f"vectors have shape {given.shape}; expected [candidate, {self.dimension}]")
        lengths = np.linalg.norm(given.astype(np.float64), axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise BadInputError("a vector is zero or not finite, so that it has no cosine with others")
        return given, (given / lengths).astype(np.float32)

    def _keep(self, given: Floats, unit: Floats) -> None:
        needed = self._count + len(given)
        if needed > len(self._given):
            room = max(needed, 2 * len(self._given), 64)
            self._given, self._unit = _grown(self._given, self._count, room), _grown(self._unit, self._count, room)
            self._sketch = _grown(self._sketch, self._count, room)
        new = slice(self._count, needed)
        self._given[new], self._unit[new] = given, unit
        self._count = needed
        if needed >= max(FIRST_SKETCH, 2 * self._sketched_at):
            self._draw_sketch()
        elif self._basis.size:
            self._sketch[new] = _at_length_1(unit @ self._basis)

    def _draw_sketch(self) -> None:
        """The directions in which the pool differs most, as often as it has doubled."""
        pool = self._unit[: self._count]
        if len(pool) <= self.dimension:  # as with counts of words: a small matrix for a large one
            _, mixtures = np.linalg.eigh(pool @ pool.T)
            self._basis = _at_length_1((pool.T @ mixtures[:, -SKETCH:]).T).T.copy()
        else:
            self._basis = np.ascontiguousarray(np.linalg.eigh(pool.T @ pool)[1][:, -SKETCH:])
        self._sketch = np.empty((len(self._given), self._basis.shape[1]), np.float32)
        self._sketch[: self._count] = _at_length_1(pool @ self._basis)
        self._sketched_at = self._count


def _at_length_1(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _grown(array: Floats, used: int, room: int) -> Floats:
    """The array with room for more rows."""
    grown = np.empty((room, array.shape[1]), np.float32)
    grown[:used] = array[:used]
    return grown
