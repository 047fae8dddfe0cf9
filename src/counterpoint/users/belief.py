"""What we think of one person: a Gaussian over how strongly they lean on each value pair. Axes: `value_pair` (K)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from counterpoint.errors import BadInputError

Vector = NDArray[np.float64]
"""`[value_pair]` unless said otherwise; units: log-odds per nat of evidence."""
Matrix = NDArray[np.float64]
"""`[value_pair, value_pair]` unless said otherwise."""

_HEADER = struct.Struct("<HIdd")


@dataclass(frozen=True)
class Belief:
    """N(mean, covariance) over a preference vector; a fresh one, with `count` 0, says "I don't know yet".

    Attributes:
        mean: `[value_pair]`, positive towards the pair's positive pole.
        covariance: `[value_pair, value_pair]`.
        time: when it was last updated, seconds since 1970 (UTC); 0 if never.
        count: how many observations are in it.
        changed: when a change of mind was last noticed, seconds since 1970; 0 if never.
    """

    mean: Vector
    covariance: Matrix
    time: float = 0.0
    count: int = 0
    changed: float = field(default=0.0)

    @classmethod
    def flat(cls, size: int, *, sd: float = 1.0) -> Belief:
        """No leaning, standard deviation `sd` on each of `size` value pairs, pairs independent."""
        return cls(np.zeros(size), np.eye(size) * sd**2)

    @property
    def size(self) -> int:
        """Number of value pairs, K."""
        return int(self.mean.shape[0])

    @property
    def sd(self) -> Vector:
        """Standard deviations `[value_pair]`."""
        deviations: Vector = np.sqrt(np.diag(self.covariance))
        return deviations

    @property
    def positive(self) -> Vector:
        """Probability that the person leans to the positive pole, `[value_pair]`."""
        probability: Vector = ndtr(self.mean / self.sd)
        return probability

    def interval(self, level: float = 0.9) -> tuple[Vector, Vector]:
        """Central interval of each coordinate, lower and upper ends, each `[value_pair]`."""
        from scipy.special import ndtri

        reach = float(ndtri(0.5 + level / 2)) * self.sd
        return self.mean - reach, self.mean + reach

    def information(self, prior: Belief) -> Vector:
        """What was learnt since `prior`, per value pair: ln(prior sd / sd), nats; 0.69 is half the uncertainty gone."""
        gained: Vector = np.log(prior.sd / self.sd)
        return gained

    def at(self, time: float) -> Belief:
        """The same belief, dated `time`."""
        return replace(self, time=time)

    def pack(self) -> bytes:
        """Compact bytes, little-endian float64: 256 bytes for six value pairs."""
        upper = self.covariance[_upper(self.size)]
        header = _HEADER.pack(self.size, self.count, self.time, self.changed)
        return header + np.concatenate([self.mean, upper]).astype("<f8").tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> Belief:
        """The belief `pack` wrote, to the last bit.

        Raises:
            BadInputError: the length doesn't fit the header, or a number is not finite.
        """
        if len(packed) < _HEADER.size:
            raise BadInputError(f"a packed belief has at least {_HEADER.size} bytes, this one {len(packed)}")
        size, count, time, changed = _HEADER.unpack_from(packed)
        expected = _HEADER.size + 8 * (size + size * (size + 1) // 2)
        if len(packed) != expected:
            raise BadInputError(f"a packed belief over {size} value pairs has {expected} bytes, this one {len(packed)}")
        numbers = np.frombuffer(packed, dtype="<f8", offset=_HEADER.size).astype(np.float64)
        if not np.isfinite(numbers).all():
            raise BadInputError("a packed belief holds a number that is not finite: it is damaged, replay the events")
        covariance = np.zeros((size, size))
        covariance[_upper(size)] = covariance.T[_upper(size)] = numbers[size:]
        return cls(numbers[:size], covariance, time, count, changed)


@cache
def _upper(size: int) -> tuple[NDArray[np.intp], ...]:
    """Indices of a matrix's upper triangle, its diagonal included."""
    return np.triu_indices(size)
