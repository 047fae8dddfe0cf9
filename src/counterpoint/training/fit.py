"""Fit the encoder scorer to an objective: the head by L-BFGS on everything at once, then, if asked, a tuned part.

The head's problem is convex for likelihoods and smooth for all objectives, so that L-BFGS finds in a second what
stochastic steps approach in minutes, and finds the same every time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.models.encoder import EncoderScorer
from counterpoint.training.blocks import Block
from counterpoint.training.branches import Branches
from counterpoint.training.finetune import finetune
from counterpoint.training.losses import side_nll
from counterpoint.training.objective import Example, Objective, weighed_examples
from counterpoint.training.settings import FitConfig, Point, Report
from counterpoint.training.situating import situate, strengths
from counterpoint.training.spelling import Spelling, spelling
from counterpoint.types import Dilemma, Taxonomy

HEAD_TOLERANCE = 1e-3
"""L-BFGS stops when no entry of the summed loss's gradient is larger, nats."""

STALLED = 1e-7
"""It also stops when a step changes the loss by less than this share, which is all that float32 can tell."""

LOG_SCALE_BOUNDS = (-3.0, 5.0)
"""Natural logs of the smallest and largest factor that calibration may put on the head."""


class Terms(NamedTuple):
    """What of the head depends on the dilemmas alone: the same for all methods."""

    situated: Mapping[str, float]
    """Strengths of the situated term, by value pair."""
    spelling: Spelling


def find_terms(scorer: EncoderScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> Terms:
    """Look at the dilemmas; the scorer must be standardised on them."""
    return Terms(strengths(scorer, dilemmas, taxonomy), spelling(scorer, dilemmas, taxonomy))


def fit(
    scorer: EncoderScorer,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    objective: Objective,
    *,
    config: FitConfig | None = None,
    seed: int = 0,
    report: Report | None = None,
    terms: Terms | None = None,
) -> list[Point]:
    """Train `scorer` in place; returns the training curve, in fine-tuning that of the tuned part.

    `terms` is what `find_terms` says of these dilemmas, where that is known already.

    Raises:
        BadInputError: the dilemmas give the objective nothing to train on.
    """
    config = config or FitConfig()
    torch.manual_seed(seed)
    examples = [
        e for d in dilemmas for e in weighed_examples(objective, d, taxonomy.by_name[d.value_pair], config.weights)
    ]
    if not examples:
        raise BadInputError("no dilemma has an option on the side that is to be trained; give more or other data")
    scorer.standardise(dilemmas)
    terms = terms or find_terms(scorer, dilemmas, taxonomy)
    blocks = [*situate(scorer, dilemmas, taxonomy, terms.situated), *terms.spelling.start(scorer)]
    head = _Head(scorer, blocks, dilemmas)
    scale = _cross_validated_scale(head, examples, objective, config)
    parameters, points = _fit_head(head, examples, objective, config, report)
    head.set([scale * parameter for parameter in parameters])
    if config.finetune:
        per_step = config.batch_size * max(1, round(len(examples) / len(dilemmas)))
        points = finetune(scorer, examples, objective, config, per_step, report)
    return points


class _Head:
    """What is linear in its parameters: A, and the weights of each block."""

    def __init__(self, scorer: EncoderScorer, blocks: Sequence[Block], dilemmas: Sequence[Dilemma]) -> None:
        self.scorer, self.blocks = scorer, blocks
        first = 0
        self._first = {}
        for dilemma in dilemmas:
            self._first[id(dilemma)] = first
            first += len(dilemma.options)
        self._options = first

    def zeros(self) -> list[Tensor]:
        """A `[feature, known pole]` and, for each block, `[r, pole]`."""
        return [
            torch.zeros_like(self.scorer.weight),
            *(torch.zeros(block.features.shape[1], 2) for block in self.blocks),
        ]

    def rows(self, branches: Branches) -> list[tuple[Tensor, Tensor]]:
        """For each block the places of its options among the branches' and their features."""
        options = torch.tensor(
            [self._first[id(d)] + i for d in branches.dilemmas for i in range(len(d.options))], dtype=torch.long
        )
        found = []
        for block in self.blocks:
            place = torch.full((self._options,), -1)
            place[block.rows] = torch.arange(len(block.rows))
            here = place[options]
            found.append((torch.nonzero(here >= 0)[:, 0], block.features[here[here >= 0]]))
        return found

    def logits(
        self, features: Tensor, rows: Sequence[tuple[Tensor, Tensor]], codes: Tensor, parameters: Sequence[Tensor]
    ) -> Tensor:
        """What training added to the logits, `[option, pole]`."""
        main, *others = parameters
        known = features @ main
        for block, (where, own), weight in zip(self.blocks, rows, others, strict=True):
            known = known.index_put((where[:, None], torch.tensor(block.columns)), own @ weight, accumulate=True)
        return known @ codes

    def set(self, parameters: Sequence[Tensor]) -> None:
        """Give the scorer what was trained."""
        self.scorer.weight = parameters[0]
        for block, weight in zip(self.blocks, parameters[1:], strict=True):
            block.give(self.scorer, weight)


def _cross_validated_scale(head: _Head, examples: Sequence[Example], objective: Objective, config: FitConfig) -> float:
    """The factor on the head that makes held-out folds likeliest: temperature scaling (Guo et al. 2017, 1706.04599).

    The likelihood is that of the right options under each side, whatever the objective; folds are by dilemma.
    """
    dilemmas = {id(example.dilemma): i for i, example in enumerate(examples)}
    fold = {key: i % max(1, config.calibration_folds) for i, key in enumerate(dilemmas)}
    held_out: list[tuple[Branches, Tensor]] = []
    for k in range(config.calibration_folds if len(dilemmas) >= 2 * config.calibration_folds else 0):
        parameters, _ = _fit_head(head, [e for e in examples if fold[id(e.dilemma)] != k], objective, config, None)
        branches = Branches(head.scorer, [e for e in examples if fold[id(e.dilemma)] == k])
        features = head.scorer.standardised(branches.frozen)
        held_out.append((branches, head.logits(features, head.rows(branches), branches.codes, parameters)))
    if not held_out:
        return 1.0

    def loss(log_scale: float) -> float:
        scale = math.exp(log_scale)
        parts = [side_nll(branches.scores(scale * logits)).sum() for branches, logits in held_out]
        return float(sum(parts))

    return math.exp(minimize_scalar(loss, bounds=LOG_SCALE_BOUNDS, method="bounded", options={"xatol": 0.01}).x)


def _fit_head(
    head: _Head,
    examples: Sequence[Example],
    objective: Objective,
    config: FitConfig,
    report: Report | None,
) -> tuple[list[Tensor], list[Point]]:
    """The maximum a posteriori head: the objective's loss over all examples plus a Gaussian prior, by L-BFGS from 0."""
    branches = Branches(head.scorer, examples)
    features, rows = head.scorer.standardised(branches.frozen), head.rows(branches)
    parameters = [zeros.requires_grad_() for zeros in head.zeros()]
    optimiser = torch.optim.LBFGS(parameters, max_iter=1, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = len(examples) * objective.loss(branches.scores(head.logits(features, rows, branches.codes, parameters)))
        loss = loss + config.head_precision / 2 * sum(parameter.square().sum() for parameter in parameters)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    points: list[Point] = []
    for step in range(config.head_iterations):
        loss = float(optimiser.step(closure).detach()) / len(examples)  # type: ignore[no-untyped-call]
        points.append(Point(step, 0.0, loss))
        if report:
            report(points[-1], config.head_iterations)
        steepest = max(float(p.grad.abs().max()) for p in parameters if p.grad is not None)
        stalled = step > 0 and abs(points[-2].loss - loss) <= STALLED * abs(loss)
        if steepest < HEAD_TOLERANCE or stalled:
            break
    return [parameter.detach() for parameter in parameters], points
