"""A dial for every method, checked on dilemmas it wasn't measured on; then neutral questions at a moderate strength."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from steering_effects import with_dials
from steering_world import Figure, World

from counterpoint.steering.calibration import Calibration, Shift, calibrate, checked, identity_of
from counterpoint.steering.dial import MethodDial
from counterpoint.steering.method import METHODS
from counterpoint.types import Dilemma

CHECKED = (-1.0, 1.0)
"""Strengths at which dials are checked."""
NEAR = 0.25
"""Log-odds by which a shift may miss what was asked for."""
DIALS: dict[str, MethodDial] = {}
"""Those measured in this run."""


def dials(world: World) -> list[Figure]:
    """What strength 1 shifts, once turned by a dial."""
    model = identity_of(world.engine.language)
    for method in METHODS.names():
        began = time.perf_counter()
        settings = _settings(method, world)
        DIALS[method] = calibrate(world.engine, method, _few(world), model=model, settings=settings)
        print(f"  dial of {method}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    engine = with_dials(world, dict(DIALS))
    figures = []
    for method, dial in DIALS.items():
        reach = min(min(-pair.reach[0], pair.reach[1]) for pair in dial.pairs)
        figures.append(Figure("dial: log-odds reached on every pair and side", method, reach, None, None))
        settings = replace(_settings(method, world), seed=1)
        for strength, (up, down) in _sides(checked(engine, method, world.test, CHECKED, settings=settings)):
            low, high = (up.low - down.high) / 2, (up.high - down.low) / 2
            value = (up.mean - down.mean) / 2
            what = f"dial: log-odds shifted at strength {strength:g} in unseen dilemmas"
            bar = ("0.75 to 1.25", abs(value - 1) <= NEAR) if strength == 1 else ("reported", None)
            figures.append(Figure(what, method, value, low, high, *bar))
    return figures


def _settings(method: str, world: World) -> Calibration:
    """Fewer points of the method that makes several replies to each dilemma anew at every strength."""
    return Calibration(draws=1 if world.quick else 2, points=2 if method == "neighbourhood" else 4)


def _few(world: World) -> list[Dilemma]:
    """For the dials; enough for 1 log-odd to be told to a tenth or two."""
    return list(world.calibration[: 16 * len(world.taxonomy) if world.quick else 40 * len(world.taxonomy)])


def _sides(found: dict[float, Shift]) -> list[tuple[float, tuple[Shift, Shift]]]:
    """Every strength with what it shifts upwards and downwards."""
    return [(s, (found[s], found[-s])) for s in sorted({abs(strength) for strength in found})]
