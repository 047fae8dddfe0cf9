"""What an option means in its scenario: a bilinear term of the encoder scorer, where data show that it is needed.

    logit(o, p) += z(s) B_p z(o)

z(s) and z(o) are the standardised pooled states of the scenario and of the option's text. Without this term a scorer
can't say that "Yes" means one thing under one question and another under the next, or that agreeing with somebody
depends on who they are. B_p `[feature, feature]` is kept for the poles that have one; for the others the term is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from counterpoint.models.text_encoder import TextEncoder
from counterpoint.types import Dilemma


@dataclass
class Situated:
    """The bilinear term of one scorer."""

    mean: Tensor
    """Of scenarios' pooled states, `[feature]`."""
    scale: Tensor
    """Of scenarios' pooled states, `[feature]`; z(s) has a length of about 1."""
    bilinear: Tensor
    """B, `[pole that has one, feature of s, feature of o]`."""
    columns: tuple[int, ...]
    """Which known poles have one: places in the scorer's list of poles."""

    def scenario_states(self, encoder: TextEncoder, dilemmas: Sequence[Dilemma]) -> Tensor:
        """z(s) of each dilemma, `[dilemma, feature]`; 0 for a text without a scenario, so that it adds nothing."""
        return scenario_states(encoder, dilemmas, self.mean, self.scale)

    def logits(self, scenarios: Tensor, options: Tensor, poles: int) -> Tensor:
        """z(s) B z(o) for every known pole, `[option, pole]`, from `[option, feature]` twice."""
        found = options.new_zeros(len(options), poles)
        for column, matrix in zip(self.columns, self.bilinear, strict=True):
            found[:, column] = ((scenarios @ matrix) * options).sum(1)
        return found


def scenario_states(encoder: TextEncoder, dilemmas: Sequence[Dilemma], mean: Tensor, scale: Tensor) -> Tensor:
    """Standardised pooled states of the dilemmas' scenarios, `[dilemma, feature]`."""
    states = (torch.tensor(encoder.features([scenario_text(d) for d in dilemmas])) - mean) / scale
    there = torch.tensor([bool(d.scenario.strip()) for d in dilemmas])
    return torch.where(there[:, None], states, torch.zeros_like(states))


def scenario_text(dilemma: Dilemma) -> str:
    """What is read of the scenario."""
    return f"{dilemma.scenario} {dilemma.question}".strip()


def standardisation(encoder: TextEncoder, dilemmas: Sequence[Dilemma]) -> tuple[Tensor, Tensor]:
    """Mean and scale that give these dilemmas' scenarios states of length about 1."""
    states = encoder.features([scenario_text(d) for d in dilemmas])
    return torch.tensor(states.mean(0)), torch.tensor(states.std(0) + 1e-6) * math.sqrt(states.shape[1])
