"""`lm:tiny`: a small Llama that knows the language of a toy world, so that every path runs without a download."""

from __future__ import annotations

import torch

from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LanguageModel


def load(*, dtype: torch.dtype, device: str) -> LanguageModel:
    """The toy world's model; taught when it is first asked for."""
    raise BadInputError(f"lm:tiny can't be had yet ({dtype}, {device})")
