"""Whether an option's spelling tells more than its pooled states, and features to learn the n-gram term by.

Where words recur, as in what one writer or one language model wrote, n-grams predict dilemmas left out better; in 180
dilemmas of many a hand's turning they predict worse (docs/log.md). So kernel ridge regression on the training dilemmas
decides, over all value pairs together, by two standard errors.
"""

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
from counterpoint.training.left_out import Array, held_out
from counterpoint.types import Dilemma, Taxonomy

STRENGTHS = (0.7, 1.5)
"""Prior standard deviations of the term's weights, in those of the pooled states'; tried besides 0."""
MOST_OPTIONS = 1500
"""Options a pair whose n-grams the term is spanned by; of more, as many are picked evenly (Nystroem's method)."""
MOST_TRIED = 500
"""Options a pair that the strength is chosen on; more would take long and tell little."""
LEAST_DILEMMAS = 40
"""Dilemmas in all below which there is no such term."""


@dataclass(frozen=True)
class NGramBlock(Block):
    """The n-gram term of one value pair while it is trained."""

    back: Tensor
    """From weights of U's columns to weights of the spanning options, `[spanning option, r]` float64."""
    strength: float
    """Prior standard deviation of the term."""
    vectors: csr_matrix
    """g(o) of the spanning options, `[spanning option, n-gram]`."""

    def give(self, scorer: EncoderScorer, weight: Tensor) -> None:
        if scorer.ngrams is not None:
            own = self.vectors.T @ (self.back @ weight.double()).numpy()
            scorer.ngrams.weight[:, list(self.columns)] = self.strength**2 * torch.tensor(own).float()


class Spelling(NamedTuple):
    """What the training options' n-grams are, the same for all methods on the same dilemmas."""

    term: NGrams
    """Still without weights."""
    blocks: tuple[NGramBlock, ...]
    """One for every value pair that has dilemmas; none where the term doesn't help."""

    def start(self, scorer: EncoderScorer) -> tuple[NGramBlock, ...]:
        """Give the scorer a term of its own, still 0."""
        scorer.ngrams = replace(self.term, weight=torch.zeros_like(self.term.weight)) if self.blocks else None
        return self.blocks


def spelling(scorer: EncoderScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> Spelling:
    """Count the n-grams of these dilemmas' options and, if they help, take the root of their kernel, pair by pair.

    The scorer must be standardised on the dilemmas.
    """
    texts = [text for d in dilemmas for text in scorer.texts(d)]
    term = NGrams.counted(texts if scorer.config.ngrams == "auto" else [], len(scorer.poles))
    if not len(term.buckets) or len(dilemmas) < LEAST_DILEMMAS:
        return Spelling(term, ())
    vectors = term.vectors(texts)
    strength = _strength(scorer, dilemmas, taxonomy, vectors)
    blocks = []
    for pair in taxonomy if strength else ():
        rows, _ = own_options(pair, dilemmas)
        if len(rows):
            own = vectors[rows.numpy()]
            spanning = own[np.unique(np.linspace(0, len(rows) - 1, MOST_OPTIONS).astype(int))]
            back = inverse_root(torch.tensor(strength**2 * _similarity(spanning, spanning)))
            features = torch.tensor(strength**2 * _similarity(own, spanning)) @ back
            blocks.append(NGramBlock(rows, columns_of(scorer, pair), features.float(), back, strength, spanning))
    return Spelling(term, tuple(blocks))


def _strength(scorer: EncoderScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, vectors: csr_matrix) -> float:
    """The strength that predicts left-out dilemmas best; 0 unless it is better than 0 by two standard errors."""
    states = scorer.standardised(scorer.frozen_features(dilemmas)).double().numpy()
    losses: dict[float, list[Array]] = {strength: [] for strength in (0.0, *STRENGTHS)}
    for pair in taxonomy:
        rows, group = own_options(pair, dilemmas)
        if len(group):
            keep = group <= group[:MOST_TRIED][-1]
            signs = [o.pole == pair.positive.name for d in dilemmas if d.value_pair == pair.name for o in d.options]
            own, sign = rows.numpy()[keep], np.where(signs, 1.0, -1.0)[keep]
            pooled, spelled = states[own] @ states[own].T, _similarity(vectors[own], vectors[own])
            for strength, found in losses.items():
                found.append(held_out(pooled + strength**2 * spelled, sign, group[keep]))
    by_dilemma = {strength: np.concatenate(found) for strength, found in losses.items()}
    best = min(by_dilemma, key=lambda strength: float(by_dilemma[strength].mean()))
    gain = by_dilemma[0.0] - by_dilemma[best]
    return best if gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain)) else 0.0


def _similarity(one: csr_matrix, other: csr_matrix) -> Array:
    """Cosines of n-gram vectors, `[option, option]`."""
    return np.asarray((one @ other.T).toarray(), np.float64)
