"""The part of the encoder scorer that fine-tuning trains: encoders of its own, each with a linear head, averaged.

    logit(o, p) = scale * t(o) W c(p)

t(o) is the option's sentence embedding (length 1, d numbers), c(p) the pole's code over the known poles, and
W `[d, known pole]` zero at first, so that the untrained part adds nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from counterpoint.models.text_encoder import pooled_features

SCALE = 20.0
"""Makes a step of the optimiser move logits by tenths of a nat, as the encoder's own steps do."""

DROPOUT = 0.1
MICRO_BATCH = 16
"""Texts per forward pass, sorted by length to spare padding."""


class TunedMember(nn.Module):
    """Token ids of options and codes of poles in, logits `[option, pole]` out."""

    def __init__(self, encoder: nn.Module, dimension: int, known_poles: int) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(True)
        self.head = nn.Parameter(torch.zeros(dimension, known_poles))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, ids: Sequence[Sequence[int]], codes: Tensor) -> Tensor:
        """Logits `[option, pole]` from token ids `[option][token]` and codes `[known pole, pole]`."""
        embeddings = self.dropout(F.normalize(self._pooled(ids), dim=-1))
        logits: Tensor = SCALE * embeddings @ (self.head @ codes)
        return logits

    def _pooled(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Mean over tokens of the last layer: `[option, d]`."""
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        pooled = []
        for start in range(0, len(order), MICRO_BATCH):
            rows = [torch.tensor(ids[i]) for i in order[start : start + MICRO_BATCH]]
            batch = nn.utils.rnn.pad_sequence(rows, batch_first=True)
            mask = nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
            pooled.append(pooled_features(self.encoder, batch, mask)[:, -len(self.head) :])
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(pooled)[back]


class TunedPart(nn.Module):
    """The mean of members trained on different random numbers: token ids and codes in, logits `[option, pole]` out."""

    def __init__(self, members: Sequence[TunedMember]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, ids: Sequence[Sequence[int]], codes: Tensor) -> Tensor:
        """Mean of the members' logits."""
        return torch.stack([member(ids, codes) for member in self.members]).mean(0)
