"""Train the scorer's tuned part by stochastic steps, apart from the head on frozen features.

Apart, because the two then err on different dilemmas, and their mean is better than either or than one started from the
other (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from torch import nn

from counterpoint.models.encoder import EncoderScorer
from counterpoint.training.branches import Branches
from counterpoint.training.objective import Example, Objective, Side
from counterpoint.training.settings import FitConfig, Point, Report

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


def finetune(
    scorer: EncoderScorer,
    examples: Sequence[Example],
    objective: Objective,
    config: FitConfig,
    per_step: int,
    apart: Container[str],
    report: Report | None,
) -> list[Point]:
    """AdamW over each member; `per_step` examples a step, so that every objective takes the same number of steps.

    Dilemmas of the value pairs in `apart` are never set against each other (see `recombined`).
    """
    part = scorer.start_tuning(contexts(config))
    steps = len(_batches(examples, per_step, 1)) * config.epochs
    points: list[Point] = []
    for member in part.members:
        for loss in _train(member, scorer, examples, objective, config, per_step, apart):
            points.append(Point(len(points), len(points) / steps * config.epochs, loss))
            if report:
                report(points[-1], steps * config.members)
    part.eval()
    return points


def contexts(config: FitConfig) -> list[int]:
    """Tokens of the scenario that each member reads: every other one none, the first among them."""
    return [config.context_tokens * (member % 2) for member in range(config.members)]


def _train(
    member: nn.Module,
    scorer: EncoderScorer,
    examples: Sequence[Example],
    objective: Objective,
    config: FitConfig,
    per_step: int,
    apart: Container[str],
) -> Iterator[float]:
    """Train one member; yields the loss of each step."""
    batches = _batches(examples, per_step, config.epochs)
    optimiser, schedule = _optimiser(member, config, len(batches))
    quick = torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16 and multiplies_bfloat16())
    member.train()
    for batch in batches:
        branches = Branches(scorer, batch)
        with quick:
            logits = member(scorer.token_ids(branches.dilemmas, member.context), branches.codes).float()
        loss = objective.loss(branches.scores(logits))
        if batch[0].dilemma.value_pair not in apart and (more := recombined(batch)):
            place = {id(option): i for i, option in enumerate(o for d in branches.dilemmas for o in d.options)}
            wider = Branches(scorer, more)
            rows = torch.tensor([place[id(option)] for d in wider.dilemmas for option in d.options])
            loss = loss + objective.loss(wider.scores(logits[rows]))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(member.parameters(), config.clip)
        optimiser.step()
        schedule.step()
        yield float(loss.detach())


def recombined(batch: Sequence[Example]) -> list[Example]:
    """The batch's options as one large dilemma, for each set of poles that its examples are asked under.

    An option that serves a pole better than its neighbours should serve it better than the same pair's options
    elsewhere: many more comparisons from the same texts. Not so where an option means something in its scenario alone.
    """
    together: dict[tuple[str, ...], list[Example]] = {}
    for example in batch:
        together.setdefault(tuple(side.pole for side in example.sides), []).append(example)
    return [_joined(examples) for examples in together.values() if len(examples) > 1]


def _joined(examples: Sequence[Example]) -> Example:
    options = tuple(option for example in examples for option in example.dilemma.options)
    starts = list(accumulate((len(example.dilemma.options) for example in examples), initial=0))

    def moved(of: Callable[[Side], tuple[int, ...]], number: int) -> tuple[int, ...]:
        return tuple(start + i for start, e in zip(starts, examples, strict=False) for i in of(e.sides[number]))

    sides = [
        side._replace(chosen=moved(lambda s: s.chosen, number), rejected=moved(lambda s: s.rejected, number))
        for number, side in enumerate(examples[0].sides)
    ]
    return Example(replace(examples[0].dilemma, options=options), tuple(sides))


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for it; without them bfloat16 is far slower than float32."""
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _optimiser(
    member: nn.Module, config: FitConfig, total: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with weight decay on the encoder's matrices only; linear warm-up, then linear decay to 0."""
    trained = [(name, p) for name, p in member.named_parameters() if p.requires_grad]
    encoder = [p for name, p in trained if name.startswith("encoder.")]
    head = [p for name, p in trained if not name.startswith("encoder.")]
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


def _batches(examples: Sequence[Example], per_step: int, epochs: int) -> list[list[Example]]:
    """Each step's examples, all of one value pair, shuffled anew for every epoch by torch's seed."""
    pairs: dict[str, list[Example]] = {}
    for example in examples:
        pairs.setdefault(example.dilemma.value_pair, []).append(example)
    batches = []
    for _ in range(epochs):
        epoch = []
        for own in pairs.values():
            order = [own[i] for i in torch.randperm(len(own)).tolist()]
            epoch += [order[start : start + per_step] for start in range(0, len(order), per_step)]
        batches += [epoch[i] for i in torch.randperm(len(epoch)).tolist()]
    return batches
