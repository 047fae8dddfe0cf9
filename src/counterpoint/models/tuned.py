"""The part of the encoder scorer that fine-tuning trains: encoders of its own, each with a linear head, averaged.

    logit(o, p) = scale * t(o) W c(p)

t(o) is the sentence embedding (length 1, d numbers) of what a member reads of the option, c(p) the pole's code over the
known poles, and W `[d, known pole]` zero at first, so that the untrained part adds nothing. Some members read the
option alone, others the end of the scenario before it: they err on different dilemmas. Word embeddings are not trained;
all members share the frozen encoder's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE = 20.0
"""Makes a step of the optimiser move logits by tenths of a nat, as the encoder's own steps do."""

DROPOUT = 0.1
WORDS = "encoder.embeddings.word_embeddings.weight"
"""What members share, by its name in a member; not kept in their files."""

Ids = Sequence[Sequence[int]]
"""`[option][token]`."""


class TunedMember(nn.Module):
    """Token ids of options and codes of poles in, logits `[option, pole]` out."""

    def __init__(self, encoder: nn.Module, dimension: int, known_poles: int, context: int = 0) -> None:
        super().__init__()
        words: nn.Module = encoder.embeddings.word_embeddings  # type: ignore[union-attr, assignment]
        self.encoder = copy.deepcopy(encoder, {id(words): words}).requires_grad_(True)
        words.requires_grad_(False)
        self.context = context
        """Tokens it reads of the scenario's end."""
        self.head = nn.Parameter(torch.zeros(dimension, known_poles))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, ids: Ids, codes: Tensor) -> Tensor:
        """Logits `[option, pole]` from token ids and codes `[known pole, pole]`."""
        embeddings = self.dropout(F.normalize(pooled_states(self.encoder, ids), dim=-1))
        logits: Tensor = SCALE * embeddings @ (self.head @ codes)
        return logits


class TunedPart(nn.Module):
    """The mean of members trained on different random numbers."""

    def __init__(self, members: Sequence[TunedMember]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, read: Callable[[int], Ids], codes: Tensor) -> Tensor:
        """Mean of the members' logits, `[option, pole]`; `read` gives token ids with so many of the scenario."""
        return torch.stack([member(read(member.context), codes) for member in self.members]).mean(0)  # type: ignore[arg-type]

    @property
    def contexts(self) -> list[int]:
        """Tokens of the scenario that each member reads."""
        return [int(member.context) for member in self.members]  # type: ignore[arg-type]

    def own_state(self) -> dict[str, Tensor]:
        """All that is the members' own, by name."""
        return {name: value for name, value in self.state_dict().items() if not name.endswith(WORDS)}

    def load_own_state(self, state: Mapping[str, Tensor]) -> None:
        """Take what `own_state` gave; `RuntimeError` if anything is missing, unknown or of another size."""
        shared = {name: value for name, value in self.state_dict().items() if name.endswith(WORDS)}
        self.load_state_dict({**state, **shared})


def pooled_states(module: Any, ids: Ids) -> Tensor:
    """Mean over tokens of a BERT's last layer, `[text, d]`, float32.

    Texts lie end to end in all that works token by token, so that no padding is computed but in attention: a third
    faster than padded batches where texts differ in length.
    """
    lengths = torch.tensor([len(own) for own in ids])
    real = torch.arange(int(lengths.max())) < lengths[:, None]  # [text, place]
    flat = torch.tensor([token for own in ids for token in own])
    places = torch.arange(real.shape[1]).expand_as(real)[real]
    states = module.embeddings(input_ids=flat[None], position_ids=places[None])[0]  # [token, d]
    for layer in module.encoder.layer:
        states = layer.attention.output(_attend(layer.attention.self, states, real), states)
        states = layer.output(layer.intermediate(states), states)
    text = torch.repeat_interleave(torch.arange(len(ids)), lengths)
    total = states.new_zeros(len(ids), states.shape[1], dtype=torch.float32).index_add(0, text, states.float())
    pooled: Tensor = total / lengths[:, None]
    return pooled


def _attend(attention: Any, states: Tensor, real: Tensor) -> Tensor:
    """Self-attention within each text: `[token, d]` from `[token, d]`."""
    texts, longest = real.shape
    heads = attention.num_attention_heads
    query, key, value = (
        states.new_zeros(texts, longest, states.shape[1], dtype=own.dtype)
        .masked_scatter(real[..., None], own)
        .view(texts, longest, heads, -1)
        .transpose(1, 2)
        for own in (attention.query(states), attention.key(states), attention.value(states))
    )
    dropout = attention.dropout.p if attention.training else 0.0
    seen = F.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None], dropout_p=dropout)
    return seen.transpose(1, 2).reshape(texts, longest, -1)[real]
