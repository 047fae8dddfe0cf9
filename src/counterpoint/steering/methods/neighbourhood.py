"""Robust preference selection (RPS; Mao et al. 2025, arXiv 2510.20498): asks for neighbours of what is wanted.

One reply is generated for each of k directions within an angle of the preference vector v, each by another method, and
the one that fits v itself best is kept. A model may serve a neighbouring preference, which its training covered, better
than the one asked for; choosing by v keeps what is served from drifting.

Departures: v itself is one of the k directions, so that on average nothing is lost to its own reply; the best is told
by the encoder's evidence instead of a reward model; above temperature 0 it is drawn by its fit (`candidates.py`).
Angles are even on [0, angle] and directions even around v, in the space of all value pairs but those that were left
out on purpose. Numbers are ours.

Worked example: v = (2, 0), angle 30 degrees. A neighbour at 20 degrees is (2 cos 20, 2 sin 20) = (1.879, 0.684) or
(1.879, -0.684): as long as v, and nearly as much on its side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import Reply, Request
from counterpoint.steering.candidates import chances, choose, number, open_evidence
from counterpoint.steering.method import METHODS, Answerer, Needs
from counterpoint.steering.steering import Steering
from counterpoint.types import Taxonomy
from counterpoint.users.belief import Vector
from counterpoint.users.evidence import Evidence


@dataclass(frozen=True)
class Neighbours:
    """The method's material: how far and through what neighbours are asked for, and what tells the best."""

    by: Any = None
    """An `Evidence`, a scorer or the folder of a saved one; None: the untrained encoder, by the poles' descriptions."""
    inner: str = ""
    """The method that generates where the request names none: `mixture` if there is a model, `instruction` at an
    endpoint, unless given."""
    directions: int = 5
    """k, v itself among them: so many replies are generated."""
    angle: float = 30.0
    """Largest angle to v, degrees."""
    temperature: float = 0.7
    """Of the neighbours' replies, where the reply's own is lower: with one value pair they differ by chance alone."""

    def __post_init__(self) -> None:
        if self.directions < 2:
            raise BadInputError(f"directions is {self.directions}; expected at least 2")
        if not 0 < self.angle < 90:
            raise BadInputError(f"angle is {self.angle}; expected degrees above 0 and below 90")
        if not self.temperature > 0:
            raise BadInputError(f"temperature is {self.temperature}; expected a number above 0")


def neighbours(vector: Vector, free: Sequence[bool], count: int, angle: float, seed: int) -> NDArray[np.float64]:
    """Vectors as long as `vector` at angles even on [0, `angle`] degrees to it, `[count, value_pair]`.

    Args:
        vector: v, not zero.
        free: which value pairs neighbours may differ in, `[value_pair]`; all that v has are among them.
        count: how many.
        angle: the largest.
        seed: of angles and directions.
    """
    draw = np.random.default_rng(seed)
    length = float(np.linalg.norm(vector))
    along = vector / length
    aside = draw.standard_normal((count, len(vector))) * np.asarray(free, float)
    aside -= np.outer(aside @ along, along)
    norms = np.linalg.norm(aside, axis=1, keepdims=True)
    if sum(free) < 2:  # a line has no directions but its own
        return np.tile(vector, (count, 1))
    turned = np.radians(angle * draw.random(count))[:, None]
    found: NDArray[np.float64] = length * (np.cos(turned) * along + np.sin(turned) * aside / norms)
    return found


@dataclass(frozen=True)
class _Opened:
    """The method on one answerer."""

    evidence: Evidence
    settings: Neighbours
    inner: str
    taxonomy: Taxonomy

    def spread(self, request: Request) -> tuple[Request, ...]:
        """v itself as it would be answered alone, then its neighbours."""
        own = request if request.methods else replace(request, method=self.inner)
        warm = replace(request.decoding, temperature=max(request.decoding.temperature, self.settings.temperature))
        return (
            own,
            *(
                replace(own, steering=near, decoding=warm, seed=number(request, "neighbour", i))
                for i, near in enumerate(self._near(request))
            ),
        )

    def _near(self, request: Request) -> list[Steering]:
        steering, count = request.steering, self.settings.directions - 1
        if not any(steering.vector):  # both sides are to be shown, and neither is leant to
            return [steering] * count
        left_out = {*steering.uncertain, *steering.conflicts}
        free = [bool(v) or pair.name not in left_out for v, pair in zip(steering.vector, self.taxonomy, strict=True)]
        seed = number(request, "neighbourhood")
        vectors = neighbours(steering.array, free, count, self.settings.angle, seed)
        return [replace(steering, vector=tuple(map(float, vector)), leanings=()) for vector in vectors]

    def choose(self, request: Request, replies: Sequence[Reply]) -> int:
        """The candidate that fits v."""
        return choose(self.evidence, request, request.steering, [reply.text for reply in replies])

    def chances(self, request: Request, replies: Sequence[Reply]) -> NDArray[np.float64]:
        """With what probability each candidate is kept."""
        return chances(self.evidence, request, request.steering, [reply.text for reply in replies])


class Neighbourhood:
    """Replies to neighbouring preferences, the best one kept."""

    needs: Needs = "candidates"
    composes_with: frozenset[str] = frozenset({"instruction", "mixture", "activation", "adapters"})

    def open(self, host: Answerer, material: Any = None) -> _Opened:
        """Ready for use; `material`: `Neighbours`, or what its `by` may be."""
        settings = material if isinstance(material, Neighbours) else Neighbours(by=material)
        has_model = hasattr(host, "language")
        inner = settings.inner or ("mixture" if has_model else "instruction")
        needs = METHODS.get(inner).needs
        if needs == "candidates":
            raise BadInputError(f"neighbourhood through {inner!r}: that method only chooses; give one that generates")
        if needs == "model" and not has_model:
            raise BadInputError(f"neighbourhood through {inner!r} needs an lm: model in process; use 'instruction'")
        return _Opened(open_evidence(settings.by, host.taxonomy), settings, inner, host.taxonomy)


METHOD = Neighbourhood()
