"""Train the scorer's tuned part by stochastic steps, apart from the head on frozen features.

Apart, because the two then err on different dilemmas, and together they are better than either or than one started from
the other (docs/log.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from counterpoint.models.encoder import EncoderScorer
from counterpoint.models.tuned import TunedMember
from counterpoint.training.branches import Branches
from counterpoint.training.objective import Example, Objective
from counterpoint.training.settings import FitConfig, Point, Report

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


def finetune(
    scorer: EncoderScorer,
    examples: Sequence[Example],
    objective: Objective,
    config: FitConfig,
    per_step: int,
    report: Report | None,
) -> list[Point]:
    """AdamW over each member; `per_step` examples a step, so that every objective takes the same number of steps."""
    part = scorer.start_tuning(contexts(config), config.layers)
    steps = math.ceil(len(examples) / per_step) * config.epochs
    points: list[Point] = []
    for member in part.members:
        assert isinstance(member, TunedMember)
        for loss in _train(member, scorer, examples, objective, config, per_step):
            points.append(Point(len(points), len(points) / steps * config.epochs, loss))
            if report:
                report(points[-1], steps * config.members)
    part.eval()
    return points


def contexts(config: FitConfig) -> list[int]:
    """Tokens of the scenario that each member reads: every other one none, the first among them."""
    return [config.context_tokens * (member % 2) for member in range(config.members)]


def _train(
    member: TunedMember,
    scorer: EncoderScorer,
    examples: Sequence[Example],
    objective: Objective,
    config: FitConfig,
    per_step: int,
) -> Iterator[float]:
    """Train one member; yields the loss of each step."""
    total = math.ceil(len(examples) / per_step) * config.epochs
    optimiser, schedule = _optimiser(member, config, total)
    quick = torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16 and multiplies_bfloat16())
    member.train()
    for batch in _batches(len(examples), per_step, config.epochs):
        branches = Branches(scorer, [examples[i] for i in batch])
        read = scorer.lower_states(branches.dilemmas, member.context)
        with quick:
            logits = member(read, branches.codes).float()
        loss = objective.loss(branches.scores(logits))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(member.parameters(), config.clip)
        optimiser.step()
        schedule.step()
        yield float(loss.detach())


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for it; without them bfloat16 is far slower than float32."""
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _optimiser(
    member: nn.Module, config: FitConfig, total: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with weight decay on the encoder's matrices only; linear warm-up, then linear decay to 0."""
    encoder = [p for name, p in member.named_parameters() if name.startswith("layers.")]
    head = [p for name, p in member.named_parameters() if not name.startswith("layers.")]
    matrices, vectors = [p for p in encoder if p.ndim > 1], [p for p in encoder if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "lr": config.learning_rate, "weight_decay": config.weight_decay},
            {"params": vectors, "lr": config.learning_rate, "weight_decay": 0.0},
            {"params": head, "lr": config.head_learning_rate, "weight_decay": 0.0},
        ],
        fused=True,  # six times as fast on a CPU, a sixth of a whole step
    )
    warm_up = max(1, round(WARM_UP * total))
    return optimiser, torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm_up, (total - step) / max(1, total - warm_up))
    )


def _batches(examples: int, per_step: int, epochs: int) -> Iterator[list[int]]:
    """Indices of each step's examples, shuffled anew for every epoch by torch's seed."""
    for _ in range(epochs):
        order = torch.randperm(examples).tolist()
        yield from (order[start : start + per_step] for start in range(0, examples, per_step))
