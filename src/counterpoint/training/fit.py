"""Fit the encoder scorer to an objective: the head by L-BFGS on everything at once, then, if asked, the encoder too.

The head's problem is convex for likelihoods and smooth for all objectives, so that L-BFGS finds in a second what
stochastic steps approach in minutes, and finds the same every time. Fine-tuning starts from that head (linear probing
first: Kumar et al. 2022, arXiv 2202.10054), which keeps the encoder's knowledge where a random head would distort it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

from counterpoint.errors import BadInputError
from counterpoint.models.encoder import EncoderScorer
from counterpoint.training.losses import side_nll
from counterpoint.training.objective import BranchScores, Example, Objective
from counterpoint.types import Dilemma, Taxonomy

HEAD_TOLERANCE = 1e-3
"""L-BFGS stops when no entry of the summed loss's gradient is larger, nats."""

LOG_SCALE_BOUNDS = (-3.0, 5.0)
"""Natural logs of the smallest and largest factor that calibration may put on the head."""

WARM_UP = 0.1
"""Share of fine-tuning's steps in which the learning rate rises."""


@dataclass(frozen=True)
class FitConfig:
    """How the encoder scorer is trained. Every method gets the same number of steps on the same dilemmas."""

    finetune: bool = False
    """Train the encoder too, not only the head."""
    head_precision: float = 1.0
    """Precision of the head's prior: every weight of A is N(0, 1 / head_precision) before the data."""
    calibration_folds: int = 5
    """Folds of the cross-validation that sets the head's scale, because a precise prior makes it timid; 0 skips it."""
    head_iterations: int = 60
    """L-BFGS iterations at most; it stops before when the gradient is small."""
    epochs: int = 4
    """Passes over the dilemmas in fine-tuning."""
    batch_size: int = 8
    """Dilemmas a step in fine-tuning; a method that splits a dilemma into two examples takes twice as many examples."""
    learning_rate: float = 1e-4
    """Of the encoder, AdamW with linear warm-up over a tenth of the steps and linear decay."""
    head_learning_rate: float = 1e-3
    """Of the head in fine-tuning."""
    weight_decay: float = 0.01
    """Of the encoder's matrices."""
    clip: float = 1.0
    """Largest norm of a step's gradient."""


class Point(NamedTuple):
    """One point of a training curve."""

    step: int
    epoch: float
    loss: float


Report = Callable[[Point, int], None]
"""Told of each point and of the number of steps in all."""


def fit(
    scorer: EncoderScorer,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    objective: Objective,
    *,
    config: FitConfig | None = None,
    seed: int = 0,
    report: Report | None = None,
) -> list[Point]:
    """Train `scorer` in place; returns the training curve.

    Raises:
        BadInputError: the dilemmas give the objective nothing to train on.
    """
    config = config or FitConfig()
    torch.manual_seed(seed)
    examples = [e for d in dilemmas for e in objective.examples(d, taxonomy.by_name[d.value_pair])]
    if not examples:
        raise BadInputError("no dilemma has an option on the side that is to be trained; give more or other data")
    scorer.standardise(dilemmas)
    scale = _cross_validated_scale(scorer, examples, objective, config)
    points = _fit_head(scorer, examples, objective, config, report)
    scorer.weight *= scale
    if config.finetune:
        per_step = config.batch_size * max(1, round(len(examples) / len(dilemmas)))
        points += _finetune(scorer, examples, objective, config, per_step, report)
    return points


class Branches:
    """The index work of a batch, done once: from logits `[option, known pole]` to `BranchScores`."""

    def __init__(self, scorer: EncoderScorer, examples: Sequence[Example]) -> None:
        self.dilemmas = list({id(e.dilemma): e.dilemma for e in examples}.values())
        row = {id(dilemma): i for i, dilemma in enumerate(self.dilemmas)}
        column = {pole.name: i for i, pole in enumerate(scorer.poles)}
        self.sizes = [len(dilemma.options) for dilemma in self.dilemmas]
        self.frozen = scorer.frozen_features(self.dilemmas)
        self.zero_shot = scorer.zero_shot(self.frozen, scorer.poles)
        self.codes = scorer.pole_codes(scorer.poles)
        sides = [(i, example, side) for i, example in enumerate(examples) for side in example.sides]
        branches = [
            (row[id(example.dilemma)], option, column[side.pole], s, option in side.chosen)
            for s, (_, example, side) in enumerate(sides)
            for option in side.chosen + side.rejected
        ]
        self.dilemma, self.option, self.pole, self.side = torch.tensor([branch[:4] for branch in branches]).unbind(1)
        self.chosen = torch.tensor([branch[4] for branch in branches])
        self.weight = torch.tensor([side.weight for _, _, side in sides])
        self.example = torch.tensor([i for i, _, _ in sides])

    def scores(self, standardised: Tensor, weight: Tensor) -> BranchScores:
        """Scores of every branch from z `[option, feature]` and A; the reference is the untrained scorer, A = 0."""
        logp = self._normalised(self.zero_shot + standardised @ (weight @ self.codes))
        reference = self._normalised(self.zero_shot)
        return BranchScores(
            logp, torch.ones_like(logp), self.chosen, self.side, self.weight, self.example, reference=reference
        )

    def _normalised(self, logits: Tensor) -> Tensor:
        """From logits `[option, known pole]` to log-probabilities within each dilemma: `[branch]`."""
        padded = nn.utils.rnn.pad_sequence(list(torch.split(logits, self.sizes)), batch_first=True, padding_value=-math.inf)
        return F.log_softmax(padded, dim=1)[self.dilemma, self.option, self.pole]


def _cross_validated_scale(
    scorer: EncoderScorer, examples: Sequence[Example], objective: Objective, config: FitConfig
) -> float:
    """The factor on A under which held-out folds are likeliest (Guo et al. 2017, arXiv 1706.04599: temperature
    scaling).

    The likelihood is that of the right options under each side, whatever the objective; folds are by dilemma.
    """
    dilemmas = {id(example.dilemma): i for i, example in enumerate(examples)}
    fold = {key: i % max(1, config.calibration_folds) for i, key in enumerate(dilemmas)}
    held_out: list[tuple[Branches, Tensor]] = []
    for k in range(config.calibration_folds if len(dilemmas) >= 2 * config.calibration_folds else 0):
        _fit_head(scorer, [e for e in examples if fold[id(e.dilemma)] != k], objective, config, None)
        held_out.append((Branches(scorer, [e for e in examples if fold[id(e.dilemma)] == k]), scorer.weight))
    if not held_out:
        return 1.0
    features = [scorer.standardised(branches.frozen) for branches, _ in held_out]

    def loss(log_scale: float) -> float:
        scale = math.exp(log_scale)
        parts = [
            side_nll(branches.scores(z, scale * weight)).sum()
            for z, (branches, weight) in zip(features, held_out, strict=True)
        ]
        return float(sum(parts))

    return math.exp(minimize_scalar(loss, bounds=LOG_SCALE_BOUNDS, method="bounded", options={"xatol": 0.01}).x)


def _fit_head(
    scorer: EncoderScorer,
    examples: Sequence[Example],
    objective: Objective,
    config: FitConfig,
    report: Report | None,
) -> list[Point]:
    """The maximum a posteriori A: the objective's loss over all examples plus A's Gaussian prior, by L-BFGS from 0."""
    branches = Branches(scorer, examples)
    features = scorer.standardised(branches.frozen)
    weight = torch.zeros_like(scorer.weight, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=1, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = len(examples) * objective.loss(branches.scores(features, weight))
        loss = loss + config.head_precision / 2 * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    points: list[Point] = []
    for step in range(config.head_iterations):
        loss = float(optimiser.step(closure).detach()) / len(examples)  # type: ignore[no-untyped-call]
        points.append(Point(step, 0.0, loss))
        if report:
            report(points[-1], config.head_iterations)
        if weight.grad is not None and float(weight.grad.abs().max()) < HEAD_TOLERANCE:
            break
    scorer.weight = weight.detach()
    return points


def _finetune(
    scorer: EncoderScorer,
    examples: Sequence[Example],
    objective: Objective,
    config: FitConfig,
    per_step: int,
    report: Report | None,
) -> list[Point]:
    """AdamW over encoder and head, from the fitted head; the same number of steps for every objective."""
    module, weight = scorer.start_tuning().train(), nn.Parameter(scorer.weight.clone())
    steps_an_epoch = math.ceil(len(examples) / per_step)
    total = steps_an_epoch * config.epochs
    optimiser, schedule = _optimiser(module, weight, config, total)
    points: list[Point] = []
    for step, batch in enumerate(_batches(len(examples), per_step, config.epochs)):
        branches = Branches(scorer, [examples[i] for i in batch])
        features = scorer.standardised(scorer.tuned_features(branches.dilemmas))
        loss = objective.loss(branches.scores(features, weight))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*module.parameters(), weight], config.clip)
        optimiser.step()
        schedule.step()
        points.append(Point(step, step / steps_an_epoch, float(loss.detach())))
        if report:
            report(points[-1], total)
    module.eval()
    scorer.weight = weight.detach()
    return points


def _optimiser(
    module: nn.Module, weight: nn.Parameter, config: FitConfig, total: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with weight decay on the encoder's matrices only; linear warm-up, then linear decay to 0."""
    matrices = [p for p in module.parameters() if p.ndim > 1]
    vectors = [p for p in module.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "lr": config.learning_rate, "weight_decay": config.weight_decay},
            {"params": vectors, "lr": config.learning_rate, "weight_decay": 0.0},
            {"params": [weight], "lr": config.head_learning_rate, "weight_decay": 0.0},
        ]
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
