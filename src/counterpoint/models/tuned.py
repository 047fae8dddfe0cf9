"""The part of the encoder scorer that fine-tuning trains: upper layers of its own, each with a linear head, averaged.

    logit(o, p) = scale * t(o) W c(p)

t(o) is the sentence embedding (length 1, d numbers) of what a member reads of the option, c(p) the pole's code over the
known poles, and W `[d, known pole]` zero at first, so that the untrained part adds nothing. Members read the option
alone, or the end of the scenario before it: such err on different dilemmas. The encoder's lower layers are not trained;
all members share the frozen encoder's, whose states a training computes once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from counterpoint.models.packed import Packed, distance_bias, through

SCALE = 20.0
"""Makes a step of the optimiser move logits by tenths of a nat, as the encoder's own steps do."""

DROPOUT = 0.1


class TunedMember(nn.Module):
    """States of options below the tuned layers and codes of poles in, logits `[option, pole]` out."""

    def __init__(self, encoder: nn.Module, layers: int, known_poles: int, context: int = 0) -> None:
        """`encoder` is the frozen one, of which the uppermost `layers` layers are copied."""
        super().__init__()
        self._frozen = (encoder,)  # in a tuple, so that it is no part of the member
        self.layers = copy.deepcopy(encoder.encoder.layer[-layers:]).requires_grad_(True)  # type: ignore[union-attr, index]
        self.context = context
        """Tokens it reads of the scenario's end."""
        self.head = nn.Parameter(torch.zeros(int(encoder.config.hidden_size), known_poles))  # type: ignore[union-attr, arg-type]
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, read: Packed, codes: Tensor) -> Tensor:
        """Logits `[option, pole]` from what is read of each option and codes `[known pole, pole]`."""
        pooled = through(self.layers, read, distance_bias(self._frozen[0], read)).pooled()
        logits: Tensor = SCALE * self.dropout(F.normalize(pooled, dim=-1)) @ (self.head @ codes)
        return logits


class TunedPart(nn.Module):
    """The mean of members trained on different random numbers."""

    def __init__(self, members: Sequence[TunedMember]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, read: Callable[[int], Packed], codes: Tensor) -> Tensor:
        """Mean of the members' logits, `[option, pole]`; `read` gives states with so many of the scenario's tokens."""
        return torch.stack([member(read(member.context), codes) for member in self.members]).mean(0)  # type: ignore[arg-type]

    @property
    def contexts(self) -> list[int]:
        """Tokens of the scenario that each member reads."""
        return [int(member.context) for member in self.members]  # type: ignore[arg-type]

    @property
    def depth(self) -> int:
        """Layers that each member has of its own."""
        return len(self.members[0].layers)  # type: ignore[arg-type]
