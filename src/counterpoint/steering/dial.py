"""What a strength means: one method's own units on one model, so that strength 1 makes a pole's odds e times as high.

    dial = MethodDial.load(Path("dial-mixture.json"), method="mixture", model=identity_of(language), taxonomy=taxonomy)
    engine = Engine(language, taxonomy, dials={"mixture": dial})

Measured by `calibration.py`: for each value pair, how far the log-odds of its positive pole in answers to dilemmas
moved at some of the method's own strengths. A dial turns that around. Nothing here imports torch.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from counterpoint.errors import BadInputError
from counterpoint.runlog import dump_json, write_text
from counterpoint.steering.steering import Steering
from counterpoint.types import Taxonomy, content_hash

FORMAT = "counterpoint.dial/1"
LEAST = 0.25
"""Log-odds that a method must be able to move a pair by, on either side, to be called able to steer it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PairDial:
    """One value pair's curve, from the method's own strengths to log-odds; it passes through (0, 0) and never falls."""

    value_pair: str
    kind: Literal["slope", "steps"]
    """`slope`: a straight line. `steps`: straight between the points measured."""
    own: tuple[float, ...]
    """The method's strengths, rising; 0 among them."""
    shift: tuple[float, ...]
    """Log-odds of the positive pole beyond those without steering, not falling."""
    errors: Mapping[str, float] = field(default_factory=dict)
    """Root mean square error of each kind on dilemmas left out, log-odds: why this kind was chosen."""

    def __post_init__(self) -> None:
        rising = np.diff(self.own) > 0
        if len(self.own) != len(self.shift) or len(self.own) < 3 or not rising.all() or (np.diff(self.shift) < 0).any():
            raise BadInputError(f"the dial of {self.value_pair} is no curve that rises")
        if 0.0 not in self.own or self.shift[self.own.index(0.0)] != 0.0:
            raise BadInputError(f"the dial of {self.value_pair} doesn't pass through zero")

    @property
    def reach(self) -> tuple[float, float]:
        """The lowest and the highest log-odds that it can move."""
        return self.shift[0], self.shift[-1]

    def turn(self, strength: float) -> float:
        """The method's own strength for one in log-odds: the weakest that reaches it, or the strongest there is.

        Where it can't reach so far it goes as far as it moves anything; it is never 0 and never on the other side.
        """
        side = 1.0 if strength > 0 else -1.0
        curve = sorted((abs(o), abs(s)) for o, s in zip(self.own, self.shift, strict=True) if side * o >= 0)
        for (own, low), (further, high) in pairwise(curve):
            if high > low and high >= abs(strength):
                return side * (own + (further - own) * (abs(strength) - low) / (high - low))
        furthest = curve[-1][1]
        return side * next(own for own, shift in curve[1:] if shift == furthest)


@dataclass(frozen=True)
class MethodDial:
    """The dial of one method on one model (`method.Dial`)."""

    method: str
    model: str
    """What tells the model from any other, its adapter and the method's material included."""
    taxonomy: str
    """Hash of the taxonomy."""
    data: str
    """Hash of the dilemmas it was measured on."""
    pairs: tuple[PairDial, ...]
    """In the taxonomy's order."""

    def __call__(self, steering: Steering) -> Steering:
        """The same leanings in the method's units; says so, once a side, where the method doesn't reach that far."""
        if len(steering.vector) != len(self.pairs):
            raise BadInputError(f"steering over {len(steering.vector)} value pairs; the dial has {len(self.pairs)}")
        for said in self.short(steering):
            limit = said.partition(";")[0]
            if limit not in self._told:
                self._told.add(limit)
                _log.warning("%s", said)
        turned = [pair.turn(x) if x else 0.0 for pair, x in zip(self.pairs, steering.vector, strict=True)]
        return steering.with_vector(turned)

    @cached_property
    def _told(self) -> set[str]:
        """Limits that were said already: of a thousand replies beyond one the first is told."""
        return set()

    def short(self, steering: Steering) -> tuple[str, ...]:
        """What this steering asks for beyond the method's reach, in words."""
        said = []
        for pair, strength in zip(self.pairs, steering.vector, strict=True):
            low, high = pair.reach
            if strength and not low <= strength <= high:
                reached = high if strength > 0 else low
                said.append(
                    f"{self.method} moves {pair.value_pair} by {reached:+.2f} log-odds at most; "
                    f"{strength:+.2f} was asked for"
                )
        return tuple(said)

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        write_text(file, dump_json({"format": FORMAT, **asdict(self)}))

    @classmethod
    def load(cls, file: Path, *, method: str, model: str, taxonomy: Taxonomy) -> MethodDial:
        """The dial saved in `file`.

        Args:
            file: what `save` wrote.
            method: the method it must be of.
            model: the model's identity that it must be of (`calibration.identity_of`).
            taxonomy: the taxonomy that it must be of.

        Raises:
            BadInputError: it is no dial, or of another method, model or taxonomy.
        """
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            if record.pop("format") != FORMAT:
                raise ValueError("another format")
            pairs = tuple(_pair(pair) for pair in record.pop("pairs"))
            found = cls(**record, pairs=pairs)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"{file}: not a saved dial ({type(error).__name__}: {error})") from error
        expected = {"method": method, "model": model, "taxonomy": taxonomy_hash(taxonomy)}
        for name, wanted in expected.items():
            if (here := getattr(found, name)) != wanted:
                raise BadInputError(f"{file}: of another {name} ({here}; expected {wanted}). Calibrate anew")
        return found


def taxonomy_hash(taxonomy: Taxonomy) -> str:
    """Tells a taxonomy from any other by what its poles say, in order."""
    return content_hash([[pair.name, [[p.name, p.description] for p in pair.poles]] for pair in taxonomy])[:16]


def _pair(record: Mapping[str, Any]) -> PairDial:
    numbers: dict[str, Sequence[float]] = {key: tuple(float(x) for x in record[key]) for key in ("own", "shift")}
    return PairDial(**{**record, **numbers})
