"""How the encoder scorer is trained, and what its training tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class FitConfig:
    """How the encoder scorer is trained. Every method gets the same number of steps on the same dilemmas."""

    finetune: bool = False
    """Train the encoder too, not only the head."""
    weights: tuple[float, float] = (1.0, 1.0)
    """w+ and w-: what the losses of a pair's positive and negative side count (the paper: 1 and 1)."""
    head_precision: float = 1.0
    """Precision of the head's prior: every weight of A is N(0, 1 / head_precision) before the data."""
    calibration_folds: int = 5
    """Folds of the cross-validation that sets the head's scale, because a precise prior makes it timid; 0 skips it."""
    head_iterations: int = 60
    """L-BFGS iterations at most; it stops before when the gradient is small."""
    members: int = 1
    """Encoders that are fine-tuned, one after the other, from different random draws; their mean is used."""
    context_tokens: int = 48
    """Tokens of the scenario's end that every other member reads before each option; the others read it alone."""
    layers: int = 6
    """Layers of the encoder that a member tunes, from the top; the others' states are computed once."""
    epochs: int = 3
    """Passes over the dilemmas in fine-tuning a member."""
    batch_size: int = 4
    """Dilemmas a step in fine-tuning; a method that splits a dilemma into two examples takes twice as many examples."""
    learning_rate: float = 5e-5
    """Of the encoder, AdamW with linear warm-up over a tenth of the steps and linear decay."""
    head_learning_rate: float = 1e-3
    """Of the tuned part's head."""
    weight_decay: float = 0.01
    """Of the encoder's matrices."""
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    bfloat16: bool = True
    """Fine-tune in bfloat16 where the processor multiplies it natively, a third faster; scores are float32 always."""


class Point(NamedTuple):
    """One point of a training curve."""

    step: int
    epoch: float
    loss: float


Report = Callable[[Point, int], None]
"""Told of each point and of the number of steps in all."""
