"""Which tokens rounding could change: what a step must compute again, alone, for a reply not to depend on its batch.

A matrix product of 64 rows adds in another order than one of a single row, so a row's logits differ in their last bits
with what stands beside it. That never matters, unless two tokens are nearly tied. Let every logit be off by at most e.
Then the token that is taken is the same

- greedily, if it leads by more than 2e;
- drawn at temperature T, where probabilities are off by a factor of at most exp(2e / T), if the draw is that far from
  where another token begins, for the smallest nucleus that there could be and for the largest, and if no neighbour in
  the order of probabilities could change places with it.

So a reply's tokens are those it has alone as long as e is a true bound; `rounding` is a multiple of what was measured.
Axes: `reply`, `vocabulary`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from counterpoint.models.decoding import Decoding

ROUNDING = {torch.float64: 1e-13, torch.float32: 2e-5, torch.bfloat16: 0.02, torch.float16: 0.0025}
"""Largest error of a logit by the dtype of the model, as a share of the largest logit; docs/design/0005 measures it."""


def rounding(logits: Tensor, dtype: torch.dtype) -> float:
    """How far off a row's logits can be: `[row, vocabulary]`, of a model of that dtype."""
    size = torch.where(logits.isfinite(), logits, 0).abs().amax()
    return ROUNDING.get(dtype, ROUNDING[torch.bfloat16]) * max(1.0, float(size))


def unsure(logits: Tensor, draws: Tensor, decoding: Decoding, errors: Tensor) -> Tensor:
    """Whether logits that are off by at most `errors` could give another token: bool `[reply]`.

    Args:
        logits: `[reply, vocabulary]`.
        draws: `[reply]`, as `pick` takes them.
        decoding: temperature and top-p.
        errors: `[reply]`, nats.
    """
    if decoding.temperature == 0:
        first, second = logits.topk(2).values.unbind(-1)
        return first - second <= 2 * errors
    probabilities = (logits.double() / decoding.temperature).softmax(-1).sort(dim=-1, descending=True).values
    relative = (2 * errors.double() / decoding.temperature).expm1()[:, None]
    reached = probabilities.cumsum(-1)
    below = reached - probabilities

    def total(top_p: Tensor | float) -> Tensor:
        """The nucleus's probability, `[reply, 1]`; the likeliest token is always in."""
        kept = (below < top_p).sum(-1, keepdim=True).clamp(min=1)
        return reached.gather(-1, kept - 1)

    least, most = total(decoding.top_p - relative), total(decoding.top_p + relative)
    draw = draws.to(reached)[:, None]
    place = (reached <= draw * total(decoding.top_p)).sum(-1, keepdim=True).clamp(max=probabilities.shape[-1] - 1)
    start, end = below.gather(-1, place), reached.gather(-1, place)
    early = (place > 0) & (draw * (least - relative) < start + relative)
    late = (end < most) & (draw * (most + relative) >= end - relative)
    beside = nn.functional.pad(probabilities, (1, 1), value=0.0)
    own, before, after = (beside.gather(-1, place + i) for i in (1, 0, 2))
    swaps = ((place > 0) & (before <= own * (1 + relative))) | (own <= after * (1 + relative))
    return (early | late | swaps)[:, 0]
