"""Measures what a method's strengths do, and makes a dial of it (`dial.py`).

A pair's log-odds are those of its share over all dilemmas about it, of answers at temperature 1: what somebody who
reads the answers would see. `measuring.py` says how that share is found.

A curve is either one slope or straight between points, made monotone by pooling adjacent violators (Ayer et al. 1955);
whichever errs less on dilemmas left out is taken, the slope where they tie.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.steering.dial import LEAST, MethodDial, PairDial, taxonomy_hash
from counterpoint.steering.measuring import Counts, Measurer
from counterpoint.steering.method import Answerer
from counterpoint.types import Dilemma, content_hash

Tell = Callable[[str, float], None]
"""Told what is done, and the share of it that is done, 0 to 1."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """How a dial is measured."""

    reach: float = 2.5
    """Log-odds up to which the dial is to reach, where the method does."""
    points: int = 4
    """Strengths measured on either side, evenly up to the one that reaches so far."""
    draws: int = 4
    """Answers to each dilemma at each strength, where they are drawn at all."""
    by: Literal["expectation", "answers"] = "expectation"
    """`expectation`: by what is seen of the answers' probabilities, as much as there is (`measuring.py`). `answers`: by
    counting answers in any case."""
    folds: int = 4
    """Parts of the dilemmas, each left out once, to choose the kind of curve."""
    largest: float = 64.0
    """Largest strength tried, in the method's own units; the smallest is 1 over it."""
    max_new_tokens: int = 24
    """Tokens within which a reply must have said its choice."""
    seed: int = 0
    """Of the answers' random numbers."""

    def __post_init__(self) -> None:
        for name, least in {"points": 2, "draws": 1, "folds": 2, "max_new_tokens": 1}.items():
            if getattr(self, name) < least:
                raise BadInputError(f"calibration.{name} is {getattr(self, name)}; expected at least {least}")
        if not (self.reach >= LEAST and self.largest >= 1):
            raise BadInputError(f"reach is {self.reach} and largest {self.largest}; expected {LEAST} and 1 at least")


class Shift(NamedTuple):
    """Log-odds of the positive pole beyond those without steering, with a 95% interval over dilemmas."""

    mean: float
    low: float
    high: float


def calibrate(
    host: Answerer,
    method: str,
    dilemmas: Sequence[Dilemma],
    *,
    model: str,
    settings: Calibration | None = None,
    tell: Tell | None = None,
) -> MethodDial:
    """The dial of `method` on `host`, measured on these dilemmas.

    Args:
        host: what answers; it must have no dial for this method.
        method: its name.
        dilemmas: for calibration only; check the dial on others (`checked`).
        model: the model's identity, as `identity_of` tells it.
        settings: how it is measured.
        tell: told of progress.

    Raises:
        BadInputError: too few dilemmas about a pair, or the host already turns this method's strengths.
    """
    if method in getattr(host, "dials", {}):
        raise BadInputError(f"{method} has a dial already; calibrate without it")
    settings, tell = settings or Calibration(), tell or (lambda *_: None)
    measurer = Measurer(host, dilemmas, settings)
    tell(f"finding how far {method} reaches", 0.0)
    furthest = _furthest(measurer, method, settings)
    own = [furthest * (i + 1) / settings.points for i in range(settings.points)]
    strengths = [-x for x in reversed(own)] + own
    tell(f"measuring {method}", 0.5)
    found = measurer.counts(method, strengths)
    pairs = []
    for axis, pair in enumerate(host.taxonomy):
        steered = np.stack([row[axis] for row in found])
        dial = fit_pair(pair.name, strengths, steered, measurer.base(method)[axis], folds=settings.folds)
        if dial.reach[0] > -LEAST or dial.reach[1] < LEAST:
            _log.warning("%s hardly moves %s: %+.2f to %+.2f log-odds", method, pair.name, *dial.reach)
        pairs.append(dial)
    digest = content_hash(sorted(d.digest for dilemmas in measurer.by_pair for d in dilemmas))[:16]
    tell(f"measured {method}", 1.0)
    return MethodDial(method, model, taxonomy_hash(host.taxonomy), digest, tuple(pairs))


def _furthest(measurer: Measurer, method: str, settings: Calibration) -> float:
    """The strength at which the mean over pairs and sides reaches `settings.reach`, by doubling or halving from 1; the
    strength from which going on gains nothing, where it never does."""

    def reached(strength: float) -> float:
        counts = measurer.counts(method, [-strength, strength])
        base = [log_odds(c.sum(0)) for c in measurer.base(method)]
        sides = [
            sign * (log_odds(c.sum(0)) - b)
            for sign, side in zip((-1, 1), counts, strict=True)
            for c, b in zip(side, base, strict=True)
        ]
        return float(np.mean(sides))

    strength, shift = 1.0, reached(1.0)
    while shift >= settings.reach and strength > 1 / settings.largest:
        if (lower := reached(strength / 2)) < settings.reach:
            return strength
        strength, shift = strength / 2, lower
    while shift < settings.reach and strength < settings.largest:
        further = reached(strength * 2)
        if further <= shift + LEAST / 2 and strength >= 4:
            return strength
        strength, shift = strength * 2, further
    return strength


def fit_pair(name: str, own: Sequence[float], steered: Counts, base: Counts, *, folds: int) -> PairDial:
    """A pair's curve from counts.

    Args:
        name: of the value pair.
        own: the method's strengths, rising, without 0.
        steered: `[strength, dilemma, (positive, negative)]`.
        base: `[dilemma, (positive, negative)]`.
        folds: parts of the dilemmas, each left out once.
    """
    x = np.asarray(own, np.float64)
    kinds = {"slope": _slope, "steps": _steps}
    squares: dict[str, list[float]] = {kind: [] for kind in kinds}
    for fold in range(folds):
        out = np.arange(steered.shape[1]) % folds == fold
        inside, outside = _shifts(steered[:, ~out], base[~out]), _shifts(steered[:, out], base[out])
        for kind, fit in kinds.items():
            squares[kind] += list((fit(x, inside) - outside) ** 2)
    errors = {kind: round(float(np.sqrt(np.mean(found))), 4) for kind, found in squares.items()}
    kind = "slope" if errors["slope"] <= errors["steps"] else "steps"
    fitted = kinds[kind](x, _shifts(steered, base))
    if kind == "slope":
        x, fitted = x[[0, -1]], fitted[[0, -1]]
    at = int(np.searchsorted(x, 0.0))
    points = (
        [round(float(v), 6) for v in (*x[:at], 0.0, *x[at:])],
        [float(v) for v in (*fitted[:at], 0.0, *fitted[at:])],
    )
    return PairDial(name, kind, tuple(points[0]), tuple(round(v, 6) + 0.0 for v in points[1]), errors)  # type: ignore[arg-type]


def _slope(own: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares through the origin, never falling: `[strength]`."""
    line: NDArray[np.float64] = own * max(0.0, float(own @ shift / (own @ own)))
    return line


def _steps(own: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest curve that never falls and has the sign of the strength, `[strength]`."""
    return np.concatenate(
        [np.minimum(0.0, pooled(shift[own < 0])), np.maximum(0.0, pooled(shift[own > 0]))],
    )


def pooled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest sequence (least squares) that never falls: pooling adjacent violators."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
    return np.array([mean for mean, count in blocks for _ in range(count)])


def _shifts(steered: Counts, base: Counts) -> NDArray[np.float64]:
    """Log-odds beyond the base's at every strength, `[strength]`."""
    return np.array([log_odds(counts.sum(0)) for counts in steered]) - log_odds(base.sum(0))


def log_odds(counts: NDArray[np.float64]) -> float:
    """Of positive against negative, half an answer added to each (Haldane 1956), so that none is infinite."""
    return float(np.log(counts[0] + 0.5) - np.log(counts[1] + 0.5))


def checked(
    host: Answerer,
    method: str,
    dilemmas: Sequence[Dilemma],
    strengths: Sequence[float] = (-2.0, -1.0, 1.0, 2.0),
    *,
    settings: Calibration | None = None,
    resamples: int = 1000,
) -> dict[float, Shift]:
    """What strengths really shift, mean over value pairs, on dilemmas that the dial wasn't measured on."""
    settings = settings or Calibration()
    measurer = Measurer(host, dilemmas, settings)
    found = measurer.counts(method, list(strengths))
    draw = np.random.default_rng(settings.seed)
    picks = [draw.integers(len(c), size=(resamples, len(c))) for c in measurer.base(method)]
    shifts = {}
    for strength, steered in zip(strengths, found, strict=True):
        cells = list(zip(steered, measurer.base(method), picks, strict=True))
        mean = float(np.mean([log_odds(s.sum(0)) - log_odds(b.sum(0)) for s, b, _ in cells]))
        means = np.mean(
            [[log_odds(s[row].sum(0)) - log_odds(b[row].sum(0)) for row in rows] for s, b, rows in cells], axis=0
        )
        low, high = np.quantile(means, [0.025, 0.975])
        shifts[strength] = Shift(mean, float(low), float(high))
    return shifts


def identity_of(language: Any) -> str:
    """What tells a language model with its adapter from any other: its base's identity and its adapter's weights."""
    digest = hashlib.sha256(language.identity.encode())
    for name, parameter in sorted(language.model.named_parameters()):
        if "lora_" in name:
            digest.update(name.encode() + parameter.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
