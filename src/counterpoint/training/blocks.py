"""Terms of the encoder scorer's head that are trained in the space of their kernel, value pair by value pair.

A term that is linear in more features than there are training options has its optimum in the span of these options
(representer theorem: Schoelkopf et al. 2001). So it is trained on features U `[own option, r]` with U U' the kernel,
its weights N(0, 1) as those of the kernel's own features are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counterpoint.models.encoder import EncoderScorer
from counterpoint.training.left_out import Groups
from counterpoint.types import Dilemma, ValuePair

SMALLEST = 1e-6
"""Eigenvalues below this share of the largest are passed over."""


@dataclass(frozen=True)
class Block:
    """One value pair's part of a term while it is trained."""

    rows: Tensor
    """Places of the pair's training options among all of them, `[own option]`."""
    columns: tuple[int, int]
    """Places of its poles among the scorer's."""
    features: Tensor
    """U, `[own option, r]`."""

    def give(self, scorer: EncoderScorer, weight: Tensor) -> None:
        """Set the scorer's term for these poles from the weights of U's columns, `[r, pole]`."""
        raise NotImplementedError


def own_options(pair: ValuePair, dilemmas: Sequence[Dilemma]) -> tuple[Tensor, Groups]:
    """Places of the pair's options among all options, and which of its dilemmas each belongs to: `[own option]`."""
    places: list[int] = []
    groups: list[int] = []
    first = number = 0
    for dilemma in dilemmas:
        if dilemma.value_pair == pair.name:
            places += range(first, first + len(dilemma.options))
            groups += [number] * len(dilemma.options)
            number += 1
        first += len(dilemma.options)
    return torch.tensor(places, dtype=torch.long), np.array(groups, np.intp)


def columns_of(scorer: EncoderScorer, pair: ValuePair) -> tuple[int, int]:
    """Places of a value pair's poles among the scorer's."""
    names = [pole.name for pole in scorer.poles]
    return names.index(pair.positive.name), names.index(pair.negative.name)


def inverse_root(kernel: Tensor) -> Tensor:
    """Q L^(-1/2) of K = Q L Q', float64 `[option, r]`: K times it are features U with U U' = K."""
    values, vectors = torch.linalg.eigh(kernel)
    kept = values > values[-1] * SMALLEST
    root: Tensor = vectors[:, kept] / values[kept].sqrt()
    return root
