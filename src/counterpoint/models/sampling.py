"""The next token from logits: greedy, or by temperature and nucleus (top-p; Holtzman et al. 2019, arXiv 1904.09751).

Every row brings its own random number, so what a row draws doesn't depend on the rows beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.types import content_hash


@dataclass(frozen=True)
class Decoding:
    """How replies are drawn. The defaults for temperature and top-p are the PFT paper's (arXiv 2604.12479)."""

    temperature: float = 0.1
    """Logits are divided by it; 0 takes the likeliest token."""
    top_p: float = 0.9
    """Drawn from the fewest likeliest tokens whose probabilities sum to at least this."""
    max_new_tokens: int = 256
    """A reply that is longer is cut."""
    stop_strings: tuple[str, ...] = ()
    """A reply ends before the first of these; the end-of-text and end-of-turn tokens always end it."""
    seed: int = 0
    """Of rows that bring no seed of their own, together with their prompt."""

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise BadInputError(f"temperature must be at least 0 (got {self.temperature})")
        if not 0 < self.top_p <= 1:
            raise BadInputError(f"top_p must be above 0 and at most 1 (got {self.top_p})")
        if self.max_new_tokens < 1:
            raise BadInputError(f"max_new_tokens must be at least 1 (got {self.max_new_tokens})")
        if not all(self.stop_strings):
            raise BadInputError("stop_strings holds an empty string, which would end every reply at once")


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
