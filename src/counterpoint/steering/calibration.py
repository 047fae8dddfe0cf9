"""Measures what a method's strengths do, and makes a dial of it (`dial.py`).

Dilemmas are answered in words at temperature 1, with and without steering, by the same random numbers; counted is whose
pole the chosen option serves. A pair's log-odds are those of its share over all dilemmas about it: what somebody who
reads the answers would see. They need no inside view, so that every method and every endpoint is measured alike.

A curve is either one slope or straight between points, made monotone by pooling adjacent violators (Ayer et al. 1955);
whichever errs less on dilemmas left out is taken, the slope where they tie.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.models.answer_parser import parse_answer
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import BASE, Asked, Request
from counterpoint.steering.dial import LEAST, MethodDial, PairDial, taxonomy_hash
from counterpoint.steering.method import Answerer
from counterpoint.steering.steering import Steering
from counterpoint.types import Dilemma, Taxonomy, content_hash

Counts = NDArray[np.float64]
"""`[dilemma, (positive, negative)]`, answers by the pole of the option chosen; unreadable ones are in neither."""
Tell = Callable[[str, float], None]
"""Told what is done, and the share of it that is done, 0 to 1."""

ENDS = ('",', '"}', '"]')
"""Where a reply's choice has been said: the explanation isn't waited for."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """How a dial is measured."""

    reach: float = 2.5
    """Log-odds up to which the dial is to reach, where the method does."""
    points: int = 4
    """Strengths measured on either side, evenly up to the one that reaches so far."""
    draws: int = 4
    """Answers to each dilemma at each strength."""
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


class Measurer:
    """Asks dilemmas and counts poles; what was asked without steering is kept.

    Args:
        host: what answers.
        dilemmas: those in which both poles can be chosen are used.
        settings: how often, and with which seed.
    """

    def __init__(self, host: Answerer, dilemmas: Sequence[Dilemma], settings: Calibration | None = None) -> None:
        self.host, self.settings = host, settings or Calibration()
        self.by_pair = [[d for d in dilemmas if _both(d, host.taxonomy, axis)] for axis in range(len(host.taxonomy))]
        for pair, found in zip(host.taxonomy, self.by_pair, strict=True):
            if len(found) < 2 * self.settings.folds:
                raise BadInputError(
                    f"{len(found)} dilemmas about {pair.name} in which both poles can be chosen; "
                    f"expected at least {2 * self.settings.folds}"
                )
        self._base: list[Counts] | None = None

    @property
    def base(self) -> list[Counts]:
        """Counts without steering, by value pair."""
        if self._base is None:
            self._base = self.counts(BASE, [0.0])[0]
        return self._base

    def counts(self, method: str, strengths: Sequence[float]) -> list[list[Counts]]:
        """Counts at every strength, each pair steered alone on its own dilemmas: `[strength][value_pair]`."""
        plan = [
            (i, axis, row)
            for i in range(len(strengths))
            for axis, dilemmas in enumerate(self.by_pair)
            for row in range(len(dilemmas))
        ]
        requests = [
            self._request(method, axis, strengths[i], self.by_pair[axis][row], draw)
            for i, axis, row in plan
            for draw in range(self.settings.draws)
        ]
        replies = self.host.answer(requests)
        found = [[np.zeros((len(dilemmas), 2)) for dilemmas in self.by_pair] for _ in strengths]
        for number, (i, axis, row) in enumerate(plan):
            dilemma, pair = self.by_pair[axis][row], self.host.taxonomy.pairs[axis]
            for reply in replies[number * self.settings.draws : (number + 1) * self.settings.draws]:
                choice = parse_answer(reply.text, len(dilemma.options)).choice
                if choice is not None:
                    found[i][axis][row, 0 if dilemma.options[choice].pole == pair.positive.name else 1] += 1
        return found

    def _request(self, method: str, axis: int, strength: float, dilemma: Dilemma, draw: int) -> Request:
        vector = tuple(strength if i == axis else 0.0 for i in range(len(self.host.taxonomy)))
        seed = int(content_hash("dial", self.settings.seed, dilemma.digest, draw)[:15], 16)
        decoding = Decoding(1.0, 1.0, self.settings.max_new_tokens, ENDS)
        return Request(Asked(dilemma), Steering(vector), method, decoding, seed)


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
        dial = fit_pair(pair.name, strengths, steered, measurer.base[axis], folds=settings.folds)
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
        base = [log_odds(c.sum(0)) for c in measurer.base]
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
    picks = [draw.integers(len(c), size=(resamples, len(c))) for c in measurer.base]
    shifts = {}
    for strength, steered in zip(strengths, found, strict=True):
        cells = list(zip(steered, measurer.base, picks, strict=True))
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


def _both(dilemma: Dilemma, taxonomy: Taxonomy, axis: int) -> bool:
    pair = taxonomy.pairs[axis]
    return dilemma.value_pair == pair.name and all(dilemma.gold(pole.name) for pole in pair.poles)
