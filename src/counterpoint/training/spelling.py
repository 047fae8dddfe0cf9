"""Features by which the term of `models/ngrams.py` is trained: the root of the training options' n-gram kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from counterpoint.models.encoder import EncoderScorer
from counterpoint.models.ngrams import NGrams
from counterpoint.training.blocks import Block, columns_of, inverse_root, own_options
from counterpoint.types import Dilemma, Taxonomy

STRENGTH = 1.5
"""Prior standard deviation of the term's weights, in those of the pooled states' (docs/log.md)."""
MOST_OPTIONS = 1500
"""Options a pair whose n-grams the term is spanned by; of more, as many are picked evenly (Nystroem's method)."""


@dataclass(frozen=True)
class NGramBlock(Block):
    """The n-gram term of one value pair while it is trained."""

    back: Tensor
    """From weights of U's columns to weights of the spanning options, `[spanning option, r]` float64."""
    vectors: csr_matrix
    """g(o) of the spanning options, `[spanning option, n-gram]`."""

    def give(self, scorer: EncoderScorer, weight: Tensor) -> None:
        if scorer.ngrams is not None:
            own = self.vectors.T @ (self.back @ weight.double()).numpy()
            scorer.ngrams.weight[:, list(self.columns)] = STRENGTH**2 * torch.tensor(own).float()


class Spelling(NamedTuple):
    """What the training options' n-grams are, the same for all methods on the same dilemmas."""

    term: NGrams
    """Still without weights."""
    blocks: tuple[NGramBlock, ...]
    """One for every value pair that has dilemmas; none where no n-gram is frequent enough."""

    def start(self, scorer: EncoderScorer) -> tuple[NGramBlock, ...]:
        """Give the scorer a term of its own, still 0."""
        scorer.ngrams = replace(self.term, weight=torch.zeros_like(self.term.weight)) if self.blocks else None
        return self.blocks


def spelling(scorer: EncoderScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> Spelling:
    """Count the n-grams of these dilemmas' options and take the root of their kernel, value pair by value pair."""
    texts = [text for d in dilemmas for text in scorer.texts(d)]
    term = NGrams.counted(texts if scorer.config.ngrams else [], len(scorer.poles))
    if not len(term.buckets):
        return Spelling(term, ())
    vectors = term.vectors(texts)
    blocks = []
    for pair in taxonomy:
        rows, _ = own_options(pair, dilemmas)
        if len(rows):
            own = vectors[rows.numpy()]
            spanning = own[np.unique(np.linspace(0, len(rows) - 1, MOST_OPTIONS).astype(int))]
            back = inverse_root(_kernel(spanning, spanning))
            features = (_kernel(own, spanning) @ back).float()
            blocks.append(NGramBlock(rows, columns_of(scorer, pair), features, back, spanning))
    return Spelling(term, tuple(blocks))


def _kernel(one: csr_matrix, other: csr_matrix) -> Tensor:
    """Covariance of the term between options, under its prior: `[option, option]` float64."""
    return torch.tensor(STRENGTH**2 * (one @ other.T).toarray()).double()
