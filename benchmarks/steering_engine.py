"""The engine: rows that don't depend on each other, a model that is left as it was, and what a reply costs."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from steering_effects import GREEDY
from steering_world import FOUR, Figure, World, share

from counterpoint.data.taxonomy import taxonomy
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import BASE, Asked, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import METHODS
from counterpoint.steering.methods.mixture import Mixture
from counterpoint.steering.steering import Steering, nothing

ROWS = 64
Work = Callable[[], int]
"""Does something and says how many tokens that made."""


def batches(world: World) -> list[Figure]:
    """Rows with different steerings together, and one at a time."""
    draw = np.random.default_rng(0)
    dilemmas = [world.test[i % len(world.test)] for i in range(ROWS)]
    vectors = [tuple(float(x) for x in draw.normal(size=len(world.taxonomy))) for _ in range(ROWS)]
    figures = []
    for name, methods in [*((m, [m]) for m in world.here(FOUR)), ("all four in one batch", world.here(FOUR))]:
        requests = [
            Request(Asked(d), Steering(v), methods[i % len(methods)], GREEDY)
            for i, (d, v) in enumerate(zip(dilemmas, vectors, strict=True))
        ]
        alone = [world.engine.answer([request])[0].tokens for request in requests]
        same = [a == b.tokens for a, b in zip(alone, world.engine.answer(requests), strict=True)]
        what = f"{ROWS} rows of {ROWS} steerings in one batch: replies identical to those alone"
        figures.append(Figure(what, name, *share(sum(same), ROWS), "100%", all(same)))
    return figures


def left_alone(world: World, *, replies: int = 1000, exceptions: int = 50) -> list[Figure]:
    """The model's weights and hooks after many replies by every method, exceptions raised inside some."""
    model, methods = world.engine.language.model, list(METHODS.names())
    before = _state(model)
    for method in methods:
        world.engine.method(method)
    draw, done, raised = np.random.default_rng(1), 0, 0
    short = Decoding(temperature=0.7, max_new_tokens=8)
    while done < replies or raised < exceptions:
        count = min(ROWS, max(1, replies - done))
        requests = [
            Request(
                Asked(world.test[int(draw.integers(len(world.test)))]),
                Steering(tuple(float(x) for x in draw.normal(size=len(world.taxonomy)))),
                methods[int(draw.integers(len(methods)))],
                short,
                seed=int(draw.integers(1 << 30)),
            )
            for _ in range(count)
        ]
        if done < replies:
            done += len(world.engine.answer(requests))
        for number in range(max(1, exceptions * count // replies + 1) if raised < exceptions else 0):
            raised += _interrupted(world.engine, requests[:8], inside=number % 2 == 0)
    after = _state(model)
    same = before == after
    what = f"model after {done} replies and {raised} exceptions inside them: bit-identical, no hooks left"
    return [Figure(what, ", ".join(methods), float(same), None, None, "yes", same)]


class _InterruptionError(RuntimeError):
    """Raised on purpose."""


def _interrupted(engine: Engine, requests: Sequence[Request], *, inside: bool) -> int:
    """Raise something within a pass of the model, or from who is told of new text; 1 if it came through."""

    def told(_index: int, _text: str) -> None:
        raise _InterruptionError("told")

    def hook(*_: Any) -> None:
        raise _InterruptionError("inside a pass")

    handle = engine.generator.parts.decoder.norm.register_forward_hook(hook) if inside else None
    try:
        engine.answer(requests, on_text=None if inside else told)
    except _InterruptionError:
        return 1
    finally:
        if handle:
            handle.remove()
    return 0


def _state(model: Any) -> tuple[str, int, bool, tuple[bool, ...]]:
    """Hash of weights and buffers, number of hooks, mode, and what takes gradients."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooks = sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)
    return digest.hexdigest(), hooks, model.training, tuple(p.requires_grad for p in model.parameters())


def throughput(world: World) -> list[Figure]:
    """Tokens a second of steered replies over those of the base's, the same batch in turns."""
    engine = world.engine
    without_base = Engine(engine.language, engine.taxonomy, materials={"mixture": Mixture(centre="poles")})
    asked = [Asked(world.test[i % len(world.test)]) for i in range(ROWS)]
    one = world.steering(0, 0.5)
    works = {
        BASE: _work(engine, [Request(ask, nothing(world.taxonomy), BASE, GREEDY) for ask in asked]),
        "mixture": _work(engine, [Request(ask, one, "mixture", GREEDY) for ask in asked]),
        "mixture without its base row": _work(without_base, [Request(ask, one, "mixture", GREEDY) for ask in asked]),
    }
    for method in world.here([m for m in FOUR if m != "mixture"]):
        works[method] = _work(engine, [Request(ask, one, method, GREEDY) for ask in asked])
    speeds = in_turns(works, runs=3 if world.quick else 5)
    chosen = {BASE: _work(engine, [Request(ask, nothing(world.taxonomy), BASE, GREEDY) for ask in asked[:16]])}
    for method in METHODS.names():
        if METHODS.get(method).needs == "candidates":
            chosen[method] = _work(engine, [Request(ask, one, method, GREEDY) for ask in asked[:16]])
    slower = in_turns(chosen, runs=2)
    bars = {"mixture": 1 / 3, "mixture without its base row": 0.5}
    figures = []
    for name, by in [(n, speeds) for n in works if n != BASE] + [(n, slower) for n in chosen if n != BASE]:
        ratios = [own / base for own, base in zip(by[name], by[BASE], strict=True)]
        value = statistics.median(ratios)
        bar = (
            (f"{bars[name]:.2f}x at least", round(value, 2) >= round(bars[name], 2))
            if name in bars
            else ("reported", None)
        )
        figures.append(
            Figure("tokens a second against the unsteered base, one pair", name, value, min(ratios), max(ratios), *bar)
        )
    return figures


def scaling(world: World) -> list[Figure]:
    """What K active pairs cost, in what one costs; of VCD's six pairs where the model's own are few."""
    pairs = world.taxonomy if len(world.taxonomy) >= 4 else taxonomy("vcd")
    engine = Engine(world.engine.language, pairs)
    asked = [Asked(world.test[i % len(world.test)]) for i in range(ROWS // 2)]
    counts = [k for k in (1, 2, 4, 6) if k <= len(pairs)]
    works = {
        str(k): _work(
            engine, [Request(a, Steering((0.2,) * k + (0.0,) * (len(pairs) - k)), "mixture", GREEDY) for a in asked]
        )
        for k in counts
    }
    speeds = in_turns(works, runs=3)
    figures = []
    for k in counts[1:]:
        ratios = [one / own for one, own in zip(speeds["1"], speeds[str(k)], strict=True)]
        value = statistics.median(ratios)
        what = f"time a token with {k} active pairs over that with 1"
        figures.append(Figure(what, "mixture", value, min(ratios), max(ratios), f"{k} at most", value <= k))
    return figures


def _work(engine: Engine, requests: Sequence[Request]) -> Work:
    return lambda: sum(len(reply.tokens) + 1 for reply in engine.answer(requests))  # and the token that ends it


def in_turns(works: dict[str, Work], *, runs: int) -> dict[str, list[float]]:
    """Tokens a second of every work in every run. On a CPU it is the processor's time: the machine has other work."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    speeds: dict[str, list[float]] = {name: [] for name in works}
    for run in range(runs + 1):  # the first warms up
        for name, work in works.items():
            start = clock()
            tokens = work()
            if run:
                speeds[name].append(tokens / (clock() - start))
    return speeds
