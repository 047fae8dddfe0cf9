"""The module that DDP or FSDP wraps: everything that touches weights happens inside its forward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from counterpoint.models.language_model import LanguageModel
from counterpoint.models.trie import Plan, TrieEngine


class TrieModule(nn.Module):
    """A plan in, log-probabilities of its branches' responses out."""

    def __init__(self, language: LanguageModel, *, backend: str = "auto") -> None:
        super().__init__()
        self.lm = language.model
        self.language = language
        self.engine = TrieEngine(language.model, backend=backend)

    def forward(self, plan: Plan, *, reference: bool = False) -> Tensor:
        """Sums over response tokens, `[branch]`, nats.

        Args:
            plan: branches of one or more trees.
            reference: with the adapter switched off and without gradient.
        """
        if reference:
            with torch.no_grad(), self.language.without_adapter():
                return self.engine.log_probs(plan).sums
        return self.engine.log_probs(plan).sums

    # What transformers and accelerate ask a model for; absent where the language model has none. `config` is absent on
    # purpose: the Trainer would write into it.

    @property
    def quantization_method(self) -> Any:
        """Set on quantised weights, which must not be moved to a device."""
        return self.lm.get_base_model().quantization_method

    @property
    def hf_device_map(self) -> Any:
        """Set where layers were spread over devices when they were loaded."""
        return self.lm.get_base_model().hf_device_map

    @property
    def _no_split_modules(self) -> Any:
        """Names of the layer classes that FSDP wraps one by one."""
        return self.lm.get_base_model()._no_split_modules


def gather(module: nn.Module) -> None:
    """Make trainable weights whole again that FSDP has spread over processes; every process must call it."""
    for name, parameter in list(module.named_parameters()):
        if parameter.requires_grad and isinstance(parameter, DTensor):
            path, _, last = name.rpartition(".")
            setattr(module.get_submodule(path), last, nn.Parameter(parameter.full_tensor()))
