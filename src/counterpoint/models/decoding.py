"""How replies are drawn: temperature, nucleus, length, stop strings. A record; nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from counterpoint.errors import BadInputError


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
