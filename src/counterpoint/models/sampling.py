"""The next token from logits: greedy, or by temperature and nucleus (top-p; Holtzman et al. 2019, arXiv 1904.09751).

Every row brings its own random number, so what a row draws doesn't depend on the rows beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from counterpoint.models.decoding import Decoding
from counterpoint.types import content_hash

__all__ = ["Decoding", "Draws", "pick", "prompt_seed"]


def pick(logits: Tensor, draws: Tensor, decoding: Decoding) -> Tensor:
    """The next token of every row, `[row]`.

    Args:
        logits: `[row, vocabulary]`.
        draws: `[row]`, even on [0, 1); unused when the likeliest is taken.
        decoding: temperature and top-p.
    """
    if decoding.temperature == 0:
        return logits.argmax(-1)
    warm = (logits.double() / decoding.temperature).softmax(-1)
    probabilities, tokens = warm.sort(dim=-1, descending=True, stable=True)
    below = probabilities.cumsum(-1) - probabilities
    kept = probabilities.masked_fill(below >= decoding.top_p, 0.0)
    reached = kept.cumsum(-1)
    place = (reached <= draws.to(reached)[:, None] * reached[:, -1:]).sum(-1)
    last = (kept > 0).sum(-1) - 1  # rounding must not carry a draw past the nucleus
    return tokens.gather(-1, torch.minimum(place, last)[:, None])[:, 0]


class Draws:
    """One row's random numbers, even on [0, 1)."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self) -> float:
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))


def prompt_seed(seed: int, prompt: tuple[int, ...]) -> int:
    """A seed made from a seed and a prompt's token ids: the same wherever the prompt stands."""
    return int(content_hash("generation", seed, list(prompt))[:15], 16)
