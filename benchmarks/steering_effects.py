"""What steering does to answers: how they follow v, one pair and two, and that none is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit
from steering_world import FOUR, Figure, World, interval, log_odds, share

from counterpoint.models.answer_parser import parse_answer
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import BASE, Asked, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import METHODS
from counterpoint.steering.steering import from_belief, nothing
from counterpoint.users.belief import Belief

STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
GREEDY = Decoding(temperature=0, max_new_tokens=64)
WARM = Decoding(temperature=0.8, max_new_tokens=64)


def rising(world: World) -> list[Figure]:
    """The probability of the positive pole as its v rises."""
    figures = []
    for method in world.here(FOUR):
        chances = np.stack([_chances(world, method, v) for v in STRENGTHS], axis=1)  # [dilemma, strength]
        for v, column in zip(STRENGTHS, chances.T, strict=True):
            figures.append(Figure(f"probability of the positive pole at v = {v:+g}", method, *interval(column)))
        found = interval(chances, lambda rows: float(np.diff(rows.mean(0)).min()))
        what = "smallest of its four rises as v goes -2, -1, 0, 1, 2"
        figures.append(Figure(what, method, *found, "above 0", found[0] > 0))
    return figures


def _chances(world: World, method: str, v: float) -> np.ndarray:
    steerings = [world.steering(world.axis(d), v) for d in world.test]
    return expit(log_odds(world, method, steerings, world.test))


def asked_pole(world: World) -> list[Figure]:
    """Greedy answers in words, steered to either pole."""
    figures = []
    for method in world.here(FOUR):
        asked = [(d, sign) for d in world.test for sign in (1, -1)]
        requests = [Request(Asked(d), world.steering(world.axis(d), 2.0 * s), method, GREEDY) for d, s in asked]
        right = []
        for (dilemma, sign), reply in zip(asked, world.engine.answer(requests), strict=True):
            pair = world.taxonomy.by_name[dilemma.value_pair]
            choice = parse_answer(reply.text, len(dilemma.options)).choice
            right.append(choice in dilemma.gold((pair.positive if sign > 0 else pair.negative).name))
        found = share(sum(right), len(right))
        bar = ("90%", found[0] >= 0.9) if method == "mixture" else ("reported", None)
        figures.append(Figure("answers of the asked pole at v = +2 and -2", method, *found, *bar))
    return figures


def two_pairs(world: World) -> list[Figure]:
    """How much of a pair's effect is left when another one is steered too, the weaker of all pairs.

    In log-odds, in which leanings add up; and in shares of answers, in which they can't: where half of the options
    serve one side of each pair, somebody who wants both is torn in half of the dilemmas.
    """
    if len(world.taxonomy) < 2:
        return []
    axes = np.array([world.axis(d) for d in world.test])
    figures = []
    for method in world.here(FOUR):
        alone, beside = _effects(world, method)
        for scale, unit in ((None, ""), (expit, ", in shares of answers")):
            rows = [_effect(odds if scale is None else scale(odds)) for odds in (alone, beside)]
            found = interval(np.stack([*rows, axes], axis=1), _least_kept)
            what = f"effect kept of a pair when two are steered, the least of the pairs{unit}"
            bar = ("80%", found[0] >= 0.8) if scale is None else ("reported", None)
            figures.append(Figure(what, method, *found, *bar))
        found = interval(np.stack([_spilt(beside), axes], axis=1), _most_spilt)
        figures.append(Figure("log-odds that another pair's strength 1 moves a pair by, the most", method, *found))
    return figures


def _effects(world: World, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of each dilemma's pair steered by 1 and by -1, alone `[sign, 1, dilemma]` and beside another pair
    that is steered by 1 and by -1 `[sign, other, dilemma]`."""
    alone, beside = [], []
    for sign in (1.0, -1.0):
        one = [world.steering(world.axis(d), sign) for d in world.test]
        alone.append([log_odds(world, method, one, world.test)])
        beside.append([])
        for other in (1.0, -1.0):
            two = [world.steering(a := world.axis(d), sign, ((a + 1) % len(world.taxonomy), other)) for d in world.test]
            beside[-1].append(log_odds(world, method, two, world.test))
    return np.array(alone), np.array(beside)


def _effect(found: np.ndarray) -> np.ndarray:
    """Half of what turning the sign changes, mean over what is beside: `[dilemma]` of `[sign, other, dilemma]`."""
    half: np.ndarray = (found[0] - found[1]).mean(0) / 2
    return half


def _spilt(beside: np.ndarray) -> np.ndarray:
    """What the other pair's strength 1 moves of a dilemma's own, mean over the own sign: `[dilemma]`."""
    half: np.ndarray = (beside[:, 0] - beside[:, 1]).mean(0) / 2
    return half


def _most_spilt(rows: np.ndarray) -> float:
    """The largest mean of a pair's dilemmas, whichever its sign, from (spilt, axis) `[dilemma, 2]`."""
    return float(max(abs(rows[rows[:, 1] == axis, 0].mean()) for axis in np.unique(rows[:, 1])))


def _least_kept(rows: np.ndarray) -> float:
    """From (alone, beside, axis) `[dilemma, 3]`."""
    kept = []
    for axis in np.unique(rows[:, 2]):
        own = rows[rows[:, 2] == axis]
        kept.append(own[:, 1].mean() / own[:, 0].mean())
    return float(min(kept))


def zero_belief(world: World) -> list[Figure]:
    """No belief, a flat one, and strengths of 0: the base's very tokens under every method, greedy and drawn."""
    steerings = [
        from_belief(None, world.taxonomy),
        from_belief(Belief.flat(len(world.taxonomy)), world.taxonomy),
        nothing(world.taxonomy),
    ]
    dilemmas = world.test[:16]
    figures = []
    for method in METHODS.names():
        asked = [
            Request(Asked(d), s, method, decoding, seed=i)
            for i, d in enumerate(dilemmas)
            for s in steerings
            for decoding in (GREEDY, WARM)
        ]
        steered = world.engine.answer(asked)
        base = world.engine.answer([replace(request, method=BASE) for request in asked])
        same = [a.tokens == b.tokens and bool(b.tokens) for a, b in zip(steered, base, strict=True)]
        found = share(sum(same), len(same))
        figures.append(Figure("zero belief: replies identical to the base's", method, *found, "100%", all(same)))
    return figures


def with_dials(world: World, dials: dict[str, object]) -> Engine:
    """The same model and methods, strengths turned by dials."""
    engine = world.engine
    return Engine(engine.language, engine.taxonomy, materials=engine.materials, dials=dials)  # type: ignore[arg-type]
