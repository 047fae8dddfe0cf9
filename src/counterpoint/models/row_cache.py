"""What generation keeps of the tokens read so far: one cache for many rows, its shared prefixes read once.

`SharedRows` reads all prompts as a trie (`models/trie`): every node's keys and values are computed once. A row's cache
is then gathered along its way from the root, which is the cache it would have had alone, since keys carry the position
of their depth. Rows of different length are padded on the left; padding is masked, and positions count a row's own
tokens.
All layers keep all keys, also those of a sliding window: transformers then applies the window by its mask.

`OneRow` is the slow definition: one prompt, read by the model in its own way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache

from counterpoint.models.trie import Branch, Plan, UnsupportedModelError, build_plan, tree_attention
from counterpoint.models.trie.anatomy import Anatomy, refusal
from counterpoint.models.trie.backends import segments
from counterpoint.models.trie.plan import Ints

Prompt = tuple[int, ...]

AroundPass = Callable[[Sequence[int]], AbstractContextManager[None]]
"""Opened around every forward pass of a step with the rows in it, one token each: where steering is switched on."""


def untouched(_rows: Sequence[int]) -> AbstractContextManager[None]:
    """Around a pass in which the model stays as it is."""
    return nullcontext()


class Rows(Protocol):
    """Rows that are being continued, one token at a time. Making one reads all prompts but for their last tokens."""

    def step(self, tokens: Tensor, around: AroundPass = untouched) -> Tensor:
        """Read one token a row, `[row]`; logits of the next, `[row, vocabulary]`."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these."""
        ...


class SharedRows:
    """Prompts without their last tokens (the first step reads those), each shared prefix read once.

    Raises:
        UnsupportedModelError: the model's rows can't share a prefix exactly; the message says why.
    """

    def __init__(self, parts: Anatomy, prompts: Sequence[Prompt]) -> None:
        if why := refusal(parts):
            raise UnsupportedModelError(f"{why}. sharing='none' generates every reply on its own.")
        self.parts = parts
        lengths = torch.tensor([len(prompt) - 1 for prompt in prompts])
        longest = int(lengths.max())
        self._positions = lengths.to(parts.device)
        self._seen = (torch.arange(longest) >= longest - lengths[:, None]).long().to(parts.device)
        self._cache = self._read(prompts, longest) if longest else DynamicCache()

    def _read(self, prompts: Sequence[Prompt], longest: int) -> DynamicCache:
        """All bodies in one pass over their trie, then each row's keys and values from its own nodes."""
        plan = build_plan([Branch(prompt, len(prompt) - 1) for prompt in prompts if len(prompt) > 1])
        inputs = {**segments.BACKEND.inputs(self.parts, plan), "use_cache": True}
        nodes = DynamicCache()
        with tree_attention(self.parts.config):
            self.parts.decoder(**inputs, past_key_values=nodes)
        index = np.zeros((len(prompts), longest), np.int64)
        # a branch's only response token is the prompt's last; the node that predicts it ends the body
        last = iter(plan.rows[plan.edge_row[plan.token_edge]])
        for row, prompt in enumerate(prompts):
            if len(prompt) > 1:
                index[row, longest - len(prompt) + 1 :] = way(plan, int(next(last)))
        gather = torch.from_numpy(index).to(self.parts.device)
        layers = [tuple(x[0][:, gather.to(x.device)].transpose(0, 1) for x in layer[:2]) for layer in nodes]
        return DynamicCache(layers)

    def step(self, tokens: Tensor, around: AroundPass = untouched) -> Tensor:
        """Read one token a row, `[row]`; logits of the next, `[row, vocabulary]`. All rows are one pass."""
        self._seen = torch.cat([self._seen, self._seen.new_ones(len(tokens), 1)], dim=1)
        with around(range(len(tokens))):
            output = self.parts.causal_lm(
                input_ids=tokens[:, None].to(self.parts.device),
                attention_mask=self._seen,
                position_ids=self._positions[:, None],
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
        self._positions = self._positions + 1
        logits: Tensor = output.logits[:, -1]
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these, and the padding that none of them needs."""
        index = torch.tensor(rows, device=self._positions.device)
        self._positions, self._seen = self._positions[index], self._seen[index]
        padding = int(self._seen.argmax(1).min())
        self._seen = self._seen[:, padding:]
        layers = [tuple(x[index.to(x.device)][:, :, padding:] for x in layer[:2]) for layer in self._cache]
        self._cache = DynamicCache(layers)

    def join(self, other: SharedRows) -> None:
        """Let another's rows come after these; that one is not to be used any more. The shorter get more padding."""
        longest = max(self._seen.shape[1], other._seen.shape[1])
        mine, its = longest - self._seen.shape[1], longest - other._seen.shape[1]
        self._positions = torch.cat([self._positions, other._positions])
        layers = [
            tuple(
                torch.cat([_padded(x, mine, len(self._seen), y), _padded(y, its, len(other._seen), x)])
                for x, y in zip(a, b, strict=True)
            )
            for a, b in _side_by_side(self._cache, other._cache)
        ]
        self._seen = torch.cat([F.pad(self._seen, (mine, 0)), F.pad(other._seen, (its, 0))])
        self._cache = DynamicCache(layers)


def _side_by_side(
    one: DynamicCache, other: DynamicCache
) -> list[tuple[tuple[Tensor | None, ...], tuple[Tensor | None, ...]]]:
    """Keys and values of both caches, layer by layer; None where a cache has read nothing yet."""
    both = [[layer[:2] for layer in cache] for cache in (one, other)]
    count, nothing = max(map(len, both)), (None, None)
    return [tuple(layers[i] if layers else nothing for layers in both) for i in range(count)]  # type: ignore[misc]


def _padded(x: Tensor | None, padding: int, rows: int, like: Tensor | None) -> Tensor:
    """`[row, head, token, dim]` with padding on the left."""
    if x is not None:
        return F.pad(x, (0, 0, padding, 0))
    assert like is not None
    return like.new_zeros(rows, like.shape[1], padding, like.shape[3])


class OneRow:
    """One prompt without its last token, read by the model with the cache its config asks for.

    Raises:
        UnsupportedModelError: the model keeps its state elsewhere than in `past_key_values`.
    """

    def __init__(self, parts: Anatomy, prompt: Prompt) -> None:
        if "past_key_values" not in inspect.signature(parts.causal_lm.forward).parameters:
            raise UnsupportedModelError(f"{type(parts.causal_lm).__name__} takes no past_key_values: not supported")
        self.parts = parts
        self._cache = DynamicCache(config=parts.config)
        if len(prompt) > 1:
            self.step(torch.tensor(prompt[:-1]))

    def step(self, tokens: Tensor, around: AroundPass = untouched) -> Tensor:
        """Read one token, `[1]`; logits of the next, `[1, vocabulary]`."""
        ids = tokens[None].to(self.parts.device)
        with around((0,)):
            output = self.parts.causal_lm(input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        logits: Tensor = output.logits[:, -1]
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Nothing to forget: there is one row."""


class SeparateRows:
    """Rows that share nothing, behind the same contract: where a check failed, or sharing isn't wanted."""

    def __init__(self, parts: Anatomy, prompts: Sequence[Prompt]) -> None:
        self._rows = [OneRow(parts, prompt) for prompt in prompts]

    def step(self, tokens: Tensor, around: AroundPass = untouched) -> Tensor:
        """`[row, vocabulary]`. Every row is a pass of its own."""
        found = []
        for i, (row, token) in enumerate(zip(self._rows, tokens, strict=True)):
            with around((i,)):
                found.append(row.step(token[None]))
        return torch.cat(found)

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these."""
        self._rows = [self._rows[i] for i in rows]

    def join(self, other: SeparateRows) -> None:
        """Let another's rows come after these."""
        self._rows += other._rows


def way(plan: Plan, last: int) -> Ints:
    """The nodes from the root to node `last`, itself included: k is on the way exactly if `k <= last <= end[k]`."""
    return np.flatnonzero(plan.end[: last + 1] >= last)
