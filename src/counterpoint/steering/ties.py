"""Which tokens rounding could change: what a step must compute again, alone, for a reply not to depend on its batch.

A matrix product of 64 rows adds in another order than one of a single row, so a row's logits differ in their last bits
with what stands beside it. That never matters, unless two tokens are nearly tied. Let every logit be off by at most e.
Then the token that is taken is the same

- greedily, if it leads by more than 2e;
- drawn at temperature T, where probabilities are off by a factor of at most exp(2e / T), if the draw is that far from
  where another token begins, no neighbour in the order of probabilities could change places with it, and the nucleus
  doesn't end so near to its bound that another token could enter.

So a reply's tokens are those it has alone as long as e is a true bound; `rounding` is a multiple of what was measured.
Axes: `reply`, `vocabulary`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.models.decoding import Decoding

ROUNDING = {torch.float64: 1e-14, torch.float32: 5e-6, torch.bfloat16: 0.02, torch.float16: 0.0025}
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
    probabilities = (logits.double() / decoding.temperature).softmax(-1).sort(-1, descending=True, stable=True).values
    relative = (2 * errors.double() / decoding.temperature).expm1()[:, None]
    below = probabilities.cumsum(-1) - probabilities
    at_bound = ((below - decoding.top_p).abs() <= relative) & (probabilities > relative)
    kept = probabilities.masked_fill(below >= decoding.top_p, 0.0)
    reached = kept.cumsum(-1)
    target = draws.to(reached)[:, None] * reached[:, -1:]
    last = (kept > 0).sum(-1, keepdim=True) - 1
    place = torch.minimum((reached <= target).sum(-1, keepdim=True), last)
    here = reached.gather(-1, place)
    start, end = here - kept.gather(-1, place), here
    early = (place > 0) & (target - start <= 4 * relative)
    late = (place < last) & (end - target <= 4 * relative)
    own = probabilities.gather(-1, place)
    after = probabilities.gather(-1, (place + 1).clamp(max=probabilities.shape[-1] - 1))
    before = probabilities.gather(-1, (place - 1).clamp(min=0))
    swaps = ((place > 0) & (before <= own * (1 + relative))) | (own <= after * (1 + relative))
    return at_bound[:, 1:].any(-1) | (early | late | swaps)[:, 0]  # the likeliest is always in
