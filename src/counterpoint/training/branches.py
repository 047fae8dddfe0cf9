"""From a batch of examples to the scores of its branches, on the encoder scorer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from counterpoint.models.encoder import EncoderScorer
from counterpoint.training.objective import BranchScores, Example


class Branches:
    """The index work of a batch, done once: from logits `[option, known pole]` to `BranchScores`."""

    def __init__(self, scorer: EncoderScorer, examples: Sequence[Example]) -> None:
        self.dilemmas = list({id(e.dilemma): e.dilemma for e in examples}.values())
        row = {id(dilemma): i for i, dilemma in enumerate(self.dilemmas)}
        column = {pole.name: i for i, pole in enumerate(scorer.poles)}
        self.sizes = [len(dilemma.options) for dilemma in self.dilemmas]
        self.frozen = scorer.frozen_features(self.dilemmas)
        self.zero_shot = scorer.zero_shot(self.frozen, scorer.poles)
        self.codes = scorer.pole_codes(scorer.poles)
        sides = [(i, example, side) for i, example in enumerate(examples) for side in example.sides]
        branches = [
            (row[id(example.dilemma)], option, column[side.pole], s, option in side.chosen)
            for s, (_, example, side) in enumerate(sides)
            for option in side.chosen + side.rejected
        ]
        self.dilemma, self.option, self.pole, self.side = torch.tensor([branch[:4] for branch in branches]).unbind(1)
        self.chosen = torch.tensor([branch[4] for branch in branches])
        self.weight = torch.tensor([side.weight for _, _, side in sides])
        self.example = torch.tensor([i for i, _, _ in sides])

    def scores(self, learned: Tensor) -> BranchScores:
        """Scores of every branch from what training added to the logits: `[option, known pole]`.

        The reference is the untrained scorer, to whose logits nothing is added.
        """
        logp = self._normalised(self.zero_shot + learned)
        reference = self._normalised(self.zero_shot)
        return BranchScores(
            logp, torch.ones_like(logp), self.chosen, self.side, self.weight, self.example, reference=reference
        )

    def _normalised(self, logits: Tensor) -> Tensor:
        """From logits `[option, known pole]` to log-probabilities within each dilemma: `[branch]`."""
        padded = nn.utils.rnn.pad_sequence(
            list(torch.split(logits, self.sizes)), batch_first=True, padding_value=-math.inf
        )
        return F.log_softmax(padded, dim=1)[self.dilemma, self.option, self.pole]
