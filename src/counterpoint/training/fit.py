"""Fit the encoder scorer to an objective: the head by L-BFGS on everything at once, then, if asked, a tuned part.

The head's problem is convex for likelihoods and smooth for all objectives, so that L-BFGS finds in a second what
stochastic steps approach in minutes, and finds the same every time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.models.encoder import EncoderScorer
from counterpoint.training.branches import Branches
from counterpoint.training.finetune import finetune
from counterpoint.training.losses import side_nll
from counterpoint.training.objective import Example, Objective
from counterpoint.training.settings import FitConfig, Point, Report
from counterpoint.types import Dilemma, Taxonomy

HEAD_TOLERANCE = 1e-3
"""L-BFGS stops when no entry of the summed loss's gradient is larger, nats."""

LOG_SCALE_BOUNDS = (-3.0, 5.0)
"""Natural logs of the smallest and largest factor that calibration may put on the head."""


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
    """Train `scorer` in place; returns the training curve, in fine-tuning that of the tuned part.

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
        points = finetune(scorer, examples, objective, config, per_step, report)
    return points


def _cross_validated_scale(
    scorer: EncoderScorer, examples: Sequence[Example], objective: Objective, config: FitConfig
) -> float:
    """The factor on A that makes held-out folds likeliest: temperature scaling (Guo et al. 2017, arXiv 1706.04599).

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
            side_nll(branches.scores(z @ (scale * weight @ branches.codes))).sum()
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
        loss = len(examples) * objective.loss(branches.scores(features @ (weight @ branches.codes)))
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
