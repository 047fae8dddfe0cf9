"""Agreement, times and memory of a work's steps, and the limits of what sharing can gain."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import trie_gpu
import trie_trl
from torch import Tensor
from trie_rivals import RIVALS, Method, Scores, rival_lengths
from trie_works import Work

from counterpoint.models.trie import Branch, build_plan
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.estimate import Shape, visible_pairs

BETA = 0.1
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""`cpu` is this process's own time on all its threads: on one thread, what a quiet machine's wall clock would say."""


class Step(Protocol):
    """Forward and, for a training loss, backward: the loss (nats) and all response tokens' log-probabilities."""

    model: Any

    def __call__(self, branches: Sequence[Branch]) -> tuple[float, Scores]: ...


class OwnStep:
    """A step by a method that gives log-probabilities."""

    def __init__(self, work: Work, model: Any, method: Method) -> None:
        self.work, self.model, self.method = work, model, method

    def __call__(self, branches: Sequence[Branch]) -> tuple[float, Scores]:
        """See `Step`."""
        with torch.set_grad_enabled(self.work.loss != "none"):
            reference = self._reference(branches) if self.work.loss == "dpo" else None
            scores = self.method(self.model, branches)
            loss = mean_nll(scores) if reference is None else dpo(scores, reference)
        if self.work.loss != "none":
            loss.backward()
        return float(loss.detach()), [score.detach() for score in scores]

    def _reference(self, branches: Sequence[Branch]) -> Scores:
        with torch.no_grad(), self.model.disable_adapter():  # DPO's reference is the model without its adapter
            return self.method(self.model, branches)


def mean_nll(scores: Scores) -> Tensor:
    """Mean over branches of the mean over response tokens."""
    return -torch.stack([score.mean() for score in scores]).mean()


def dpo(scores: Scores, reference: Scores) -> Tensor:
    """Mean over pairs; branches are chosen, rejected, chosen, rejected."""
    gain = torch.stack([score.sum() - start.sum() for score, start in zip(scores, reference, strict=True)]).view(-1, 2)
    return -torch.nn.functional.logsigmoid(BETA * (gain[:, 0] - gain[:, 1])).mean()


def steps_of(work: Work, model: Any, ours: Method, rivals: Sequence[str], tokenizer: Any) -> dict[str, Step]:
    """The trie's step and the rivals', on the same weights."""
    methods = {**RIVALS, **trie_gpu.METHODS}
    steps: dict[str, Step] = {"trie": OwnStep(work, model, ours)}
    for name in rivals:
        own = name == trie_trl.NAME
        steps[name] = trie_trl.TrlStep(model, tokenizer, beta=BETA) if own else OwnStep(work, model, methods[name])
    return steps


@dataclass(frozen=True)
class Row:
    """One line of the result. Ratios are rival over trie in time (limits: in work), but trie over rival in memory.

    `max_gradient_difference` is None for scoring, and against TRL: its log-softmax sums in float32 whatever the model's
    dtype, so that the difference would be its rounding (it is only asserted to be below 1e-3).
    """

    work: str
    model: str
    rival: str
    ratio: float
    ratio_low: float
    ratio_high: float
    token_limit: float
    flop_limit: float
    max_logprob_difference: float
    max_gradient_difference: float | None
    peak_memory_ratio: float | None


def measure(
    work: Work,
    model: Any,
    ours: Method,
    rivals: Sequence[str],
    *,
    tokenizer: Any,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Row]:
    """Agreement first (which warms caches too), then interleaved times, then memory."""

    def make(of: Any) -> dict[str, Step]:
        return steps_of(work, of, ours, rivals, tokenizer)

    agreement = agree(work, model, make)
    steps = make(model)
    times: dict[str, list[float]] = {name: [] for name in steps}
    if work.loss == "dpo":  # agreement was on other steps, in float64
        for step in steps.values():
            step_seconds(step, work.examples[:1], clock)
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(step_seconds(step, work.examples, clock))
    peaks = {name: peak_memory(step, work.examples) for name, step in steps.items()} if work.memory else {}
    for name in rivals:
        each = [rival / own for rival, own in zip(times[name], times["trie"], strict=True)]
        tokens, flops = limits(work, model, name)
        yield Row(
            work=work.name,
            model=work.model,
            rival=name,
            ratio=statistics.median(times[name]) / statistics.median(times["trie"]),
            ratio_low=min(each),
            ratio_high=max(each),
            token_limit=tokens,
            flop_limit=flops,
            max_logprob_difference=agreement[name][0],
            max_gradient_difference=agreement[name][1],
            peak_memory_ratio=peaks["trie"] / peaks[name] if peaks.get("trie") and peaks.get(name) else None,
        )


def agree(work: Work, model: Any, make: Callable[[Any], Mapping[str, Step]]) -> dict[str, tuple[float, float | None]]:
    """For every rival the trie's largest difference of a token's log-probability and its gradient's relative one.

    On the first example. DPO's gradient is a small difference of large ones: in float32 separate passes are themselves
    further from float64 (1.6e-5) than the trie is (7e-6). So there the comparison is made in float64.
    """
    if work.loss == "dpo" and model.dtype == torch.float32:
        model = copy.deepcopy(model).double()
    steps = dict(make(model))
    loss, scores, gradient = outcome(steps.pop("trie"), work.examples[0])
    tolerance = 0.05 if model.dtype == torch.bfloat16 else 1e-4
    differences: dict[str, tuple[float, float | None]] = {}
    for name, step in steps.items():
        other_loss, other_scores, other = outcome(step, work.examples[0])
        assert abs(loss - other_loss) < tolerance, f"{work.name}: losses {loss} and {other_loss} ({name}) differ"
        relative = None if gradient is None or other is None else float((gradient - other).norm() / other.norm())
        if name == trie_trl.NAME:
            assert relative is not None
            assert relative < max(1e-3, tolerance), f"{work.name}: gradients differ from TRL's by {relative}"
            relative = None
        differences[name] = float((scores - other_scores).abs().max()), relative
    return differences


def outcome(step: Step, branches: Sequence[Branch]) -> tuple[float, Tensor, Tensor | None]:
    """Loss, log-probabilities of all response tokens `[token]` and, for a training loss, the gradient as one vector."""
    step.model.zero_grad(set_to_none=True)
    loss, scores = step(branches)
    gradients = [p.grad.flatten() for p in step.model.parameters() if p.grad is not None]
    gradient = torch.cat(gradients) if gradients else None
    step.model.zero_grad(set_to_none=True)
    return loss, torch.cat(scores), gradient


def step_seconds(step: Step, examples: Sequence[Sequence[Branch]], clock: Callable[[], float]) -> float:
    """All examples once."""
    gc.collect()
    step.model.zero_grad(set_to_none=True)
    _wait(step.model)
    start = clock()
    for branches in examples:
        step(branches)
    _wait(step.model)
    return clock() - start


def peak_memory(step: Step, examples: Sequence[Sequence[Branch]]) -> float | None:
    """Bytes that a step on the largest example needs above what is there before it; None where it can't be read."""
    branches = max(examples, key=lambda example: sum(len(branch.tokens) for branch in example))
    step.model.zero_grad(set_to_none=True)
    gc.collect()
    if step.model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = float(torch.cuda.memory_allocated())
        step(branches)
        return torch.cuda.max_memory_allocated() - before
    reset = Path("/proc/self/clear_refs")
    if not os.access(reset, os.W_OK):
        return None
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what earlier steps freed must not hide what this one takes
    reset.write_text("5")  # the high-water mark starts again from here
    resident = _status("VmRSS")
    step(branches)
    return _status("VmHWM") - resident


def limits(work: Work, model: Any, rival: str) -> tuple[float, float]:
    """Tokens and forward operations of the rival for one of the trie's, masked pairs not counted."""
    shape = Shape.of(anatomy(model).config)
    tokens = [0.0, 0.0]
    flops = [0.0, 0.0]
    for branches in work.examples:
        plan = build_plan(branches)
        trie_side = (len(plan), visible_pairs(plan), len(plan.rows))
        for side, (nodes, pairs, rows) in enumerate((trie_side, _rival_side(rival, branches, model) or trie_side)):
            tokens[side] += nodes
            flops[side] += shape.flops(nodes=nodes, pairs=pairs, rows=rows)
    return tokens[1] / tokens[0], flops[1] / flops[0]


def _rival_side(rival: str, branches: Sequence[Branch], model: Any) -> tuple[float, float, float] | None:
    """Tokens, query-key pairs and projected rows of a rival; None for the trie on another back end."""
    if rival in trie_gpu.TRIES:
        return None
    if rival == trie_trl.NAME:
        lengths, rows = trie_trl.padded_lengths(branches, model.device)
    else:
        lengths, rows = rival_lengths("exact lengths, answer logits" if rival == trie_gpu.FLASH else rival, branches)
    return sum(lengths), sum(n * (n + 1) / 2 for n in lengths), rows


def _status(field: str) -> float:
    """A size from this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def _wait(model: Any) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize()
