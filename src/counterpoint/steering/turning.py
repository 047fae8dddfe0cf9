"""What it means that something can be turned: what adapters are trained for (`adapters_fit.py`).

For a dilemma about pair d, put to nobody in particular, and a strength v, the target is the belief's own model of a
choice with the two sides one nat apart:

    q(o) ~ p(o | R) exp(v side(o) / 2),        side(o) = 1 for options of the positive pole, -1 for the others

p(o) is the probability of the option's letter and R whatever else is mixed in: other pairs at strengths of their own.
So v moves the log-odds of its pole by v, in any company.

Worked example: p = (0.5, 0.5) for a positive and a negative option, v = 1: odds of 1 become e, so q = (0.731, 0.269).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor

from counterpoint.types import Dilemma, ValuePair

COMPANY = 0.5
"""Probability with which another pair is mixed in."""
WARM_UP = 0.1
"""Share of the training in which the learning rate rises; then it falls to nothing."""

Name = TypeVar("Name")


def target(dilemma: Dilemma, pair: ValuePair, before: Tensor, v: float) -> Tensor:
    """q, `[option]`: the log-probabilities that were, and v times which side the option is on."""
    sides = torch.tensor([0.5 if option.pole == pair.positive.name else -0.5 for option in dilemma.options])
    return (before + v * sides.to(before.device)).softmax(0)


def chosen(dilemmas: Sequence[Dilemma], letters: Tensor) -> list[Tensor]:
    """Log-probabilities of letters normalised over each dilemma's options: `[option]` each."""
    rows = torch.split(letters.float(), [len(dilemma.options) for dilemma in dilemmas])
    return [row.log_softmax(0) for row in rows]


def company(others: Iterable[Name], reach: float, draw: random.Random) -> dict[Name, float]:
    """Which others are mixed in, and at which strengths: evenly on -`reach` to `reach`."""
    return {other: draw.uniform(-reach, reach) for other in others if draw.random() < COMPANY}


def strength(reach: float, draw: random.Random) -> float:
    """Evenly on 0 to `reach`, without 0."""
    return reach * (1 - draw.random())


def warmth(progress: float) -> float:
    """Of the highest learning rate, how much at this share of the training: it rises, then falls to nothing."""
    return min(1.0, progress / WARM_UP, (1 - progress) / (1 - WARM_UP) + 1e-3)


@contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Within it the model's own weights take no gradient."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
