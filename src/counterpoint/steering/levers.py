"""What a draft does to the model while its rows are computed: offsets to the residual stream, and adapters.

Both are hooks that are there for one pass and gone after it, also when something is raised inside: weights, buffers and
settings are never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from counterpoint.errors import BadInputError
from counterpoint.models.steering_hooks import add_to_residual
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.steering.adapter_bank import AdapterBank
from counterpoint.steering.method import Draft


class Levers:
    """The model's levers; `bank` holds the adapters that drafts may name."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.width: int = anatomy(model).config.hidden_size
        self.bank: AdapterBank | None = None

    @contextmanager
    def reading(self, draft: Draft) -> Iterator[None]:
        """Around the pass that reads prompts, all of one mix of adapters. Offsets begin at a prompt's last token."""
        with ExitStack() as stack:
            if draft.adapters:
                stack.enter_context(self._bank().mixed([draft.adapters]))
            yield

    @contextmanager
    def writing(self, drafts: Sequence[Draft]) -> Iterator[None]:
        """Around a pass of one token a row, `drafts` being those of its rows."""
        with ExitStack() as stack:
            for layer in sorted({layer for draft in drafts for layer in draft.offsets}):
                none = torch.zeros(self.width)
                offsets = torch.stack([draft.offsets.get(layer, none).to(none) for draft in drafts])
                if bool(offsets.any()):
                    erased = torch.stack([draft.erased.get(layer, none).to(none) for draft in drafts])[:, None]
                    lost = erased if bool(erased.any()) else None
                    stack.enter_context(add_to_residual(self.model, layer, offsets[:, None], lost))
            if any(draft.adapters for draft in drafts):
                stack.enter_context(self._bank().mixed([draft.adapters for draft in drafts]))
            yield

    def _bank(self) -> AdapterBank:
        if self.bank is None:
            raise BadInputError("a draft names adapters and none are loaded")
        return self.bank
