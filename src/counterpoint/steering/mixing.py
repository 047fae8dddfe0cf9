"""The logits of one reply from those of several rows: a weighted sum, in float32 over the whole vocabulary.

    log p(t) = sum over rows i of w_i log p_i(t) + constant

The constant differs from step to step and not from token to token, so logits serve as well as log-probabilities.
Axes: `row`, `reply`, `vocabulary`.

Tokens that a row finds impossible (-inf):

- under a row of positive weight: impossible in the mix;
- under rows of negative weight alone: taken for as unlikely as that row's least likely possible token. The sum would be
  +inf, and one token that a model rules out would silence all others;
- where nothing would be left, the first row decides alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mixed(logits: Tensor, weights: Sequence[Sequence[float]]) -> Tensor:
    """The logits of every reply, `[reply, vocabulary]` float32.

    Args:
        logits: `[row, vocabulary]`, rows of a reply beside each other, in the order of replies.
        weights: of each reply's rows.
    """
    firsts = torch.tensor([0, *(len(own) for own in weights[:-1])]).cumsum(0)
    found = logits.float() if len(logits) == len(weights) else logits[firsts.to(logits.device)].float()
    mixes = any(len(own) > 1 or own[0] != 1 for own in weights)
    return _summed(logits, weights, firsts, found) if mixes else found


def _summed(logits: Tensor, weights: Sequence[Sequence[float]], firsts: Tensor, plain: Tensor) -> Tensor:
    """Place by place, so that every reply's terms are added in one order whatever stands beside it."""
    total = torch.zeros_like(plain)
    for place in range(max(map(len, weights))):
        own = [i for i, of_reply in enumerate(weights) if len(of_reply) > place]
        replies = torch.tensor(own)
        rows = logits[(firsts[replies] + place).to(logits.device)].float()
        factor = torch.tensor([weights[i][place] for i in own], device=rows.device, dtype=rows.dtype)[:, None]
        total[replies.to(total.device)] += factor * _bounded(rows, factor)
    nothing_left = total.amax(-1) == -torch.inf
    return torch.where(nothing_left[:, None], plain, total)


def _bounded(rows: Tensor, factor: Tensor) -> Tensor:
    """The rows; where they are subtracted, -inf is their smallest finite logit instead."""
    impossible = (rows == -torch.inf) & (factor < 0)
    if not bool(impossible.any()):
        return rows
    least = rows.masked_fill(rows == -torch.inf, torch.inf).amin(-1, keepdim=True)
    return torch.where(impossible, least, rows)
