"""The maths of the objectives: pure functions over `BranchScores`. Axes: `branch`, `side`, `example`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from counterpoint.training.objective import BranchScores

DPO_BETA = 0.1
"""Weight of the reference, the value of the DPO paper's experiments."""

IPO_TAU = 0.1
"""Weight of the reference, the smallest of the IPO paper's experiments; the margin aimed at is 1 / (2 tau) = 5 nats."""


def side_nll(scores: BranchScores) -> Tensor:
    """Negative log-likelihood of each side's right responses, nats: `[side]`.

    Mean over response tokens within a response, then mean over a side's right responses.
    """
    nll = -scores.logp / scores.tokens
    return _mean_by(nll[scores.chosen], scores.side[scores.chosen], len(scores.weight))


def side_dpo(scores: BranchScores, *, beta: float) -> Tensor:
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, eq. 7), nats: `[side]`.

    -log sigmoid(beta * ((logp_c - ref_c) - (logp_r - ref_r))), mean over a side's (right c, wrong r) pairs. With an
    untrained scorer it is ln 2 exactly. Implied: a Bradley-Terry model of preference, its reward in units of 1 / beta.
    """
    if scores.reference is None:
        raise ValueError("DPO needs the reference scorer's log-probabilities; BranchScores.reference is None")
    gain = scores.logp - scores.reference
    right, wrong = _pairs(scores.side, scores.chosen, len(scores.weight))
    losses = -F.logsigmoid(beta * (gain[right] - gain[wrong]))
    return _mean_by(losses, scores.side[right], len(scores.weight))


def side_ipo(scores: BranchScores, *, tau: float) -> Tensor:
    """Identity preference optimisation (Azar et al. 2023, arXiv 2310.12036, eq. 17), nats squared: `[side]`.

    (h - 1 / (2 tau))^2 with h = (logp_c - ref_c) - (logp_r - ref_r), mean over a side's (right c, wrong r) pairs. As in
    the paper, log-probabilities are of whole responses, not token means. With an untrained scorer it is 1 / (4 tau^2).
    Implied: the margin over the reference is aimed at 1 / (2 tau) nats and, unlike DPO's, not beyond.
    """
    if scores.reference is None:
        raise ValueError("IPO needs the reference scorer's log-probabilities; BranchScores.reference is None")
    gain = scores.logp - scores.reference
    right, wrong = _pairs(scores.side, scores.chosen, len(scores.weight))
    losses = (gain[right] - gain[wrong] - 1 / (2 * tau)).square()
    return _mean_by(losses, scores.side[right], len(scores.weight))


def mean_over_examples(side_losses: Tensor, scores: BranchScores) -> Tensor:
    """Sum of w_p * loss_p over each example's sides, mean over examples: a scalar."""
    examples = int(scores.example.max()) + 1
    return (scores.weight * side_losses).sum() / examples


def _mean_by(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Mean of `values` within each group; a group without any counts 0."""
    total = values.new_zeros(groups).index_add(0, group, values)
    count = values.new_zeros(groups).index_add(0, group, torch.ones_like(values))
    return total / count.clamp(min=1)


def _pairs(side: Tensor, chosen: Tensor, sides: int) -> tuple[Tensor, Tensor]:
    """Branch indices of every (right, wrong) pair that shares a side: two of `[pair]`."""
    right, wrong = torch.where(chosen)[0], torch.where(~chosen)[0]
    wrong = wrong[torch.argsort(side[wrong], stable=True)]
    count = torch.bincount(side[wrong], minlength=sides)
    first = count.cumsum(0) - count
    repeats = count[side[right]]
    within = torch.arange(int(repeats.sum())) - (repeats.cumsum(0) - repeats).repeat_interleave(repeats)
    right = right.repeat_interleave(repeats)
    return right, wrong[first[side[right]] + within]
