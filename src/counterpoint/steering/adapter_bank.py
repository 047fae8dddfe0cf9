"""Several LoRA adapters over one model, mixed by weights of each row's own in one pass.

LoRA (Hu et al. 2021, arXiv 2106.09685) changes a linear layer W x to W x + s B A x. Adapters a with weights w_a add
sum over a of w_a s_a B_a (A_a x). With all A_a stacked to A `[all ranks, in]` and all s_a B_a beside each other to
B `[out, all ranks]` that is B (g * A x), where g `[row, all ranks]` repeats each row's w_a over the ranks of a. So rows
with different mixes share both products, and the model's own weights are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from counterpoint.errors import BadInputError
from counterpoint.models.trie.anatomy import anatomy

PEFT_PREFIX = "base_model.model."


@dataclass(frozen=True)
class Lora:
    """One adapter: module's name within the causal language model to its two factors."""

    factors: Mapping[str, tuple[Tensor, Tensor]]
    """A `[rank, in]` and B `[out, rank]`."""
    scale: float
    """s: alpha / rank."""

    @property
    def rank(self) -> int:
        """The largest rank among its modules."""
        return max(a.shape[0] for a, _ in self.factors.values())


def read_lora(folder: Path, *, scale: float) -> Lora:
    """The adapter that peft wrote into `folder` as safetensors.

    Raises:
        BadInputError: the folder holds none, or one that is more than LoRA.
    """
    try:
        tensors = load_file(folder / "adapter_model.safetensors")
    except (OSError, SafetensorError) as error:
        raise BadInputError(f"{folder}: no adapter in safetensors ({error})") from error
    factors: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, dot, which = name.removeprefix(PEFT_PREFIX).removesuffix(".weight").rpartition(".lora_")
        if not dot or which not in ("A", "B"):
            raise BadInputError(f"{folder}: {name} is no factor of LoRA; only plain LoRA can be mixed")
        factors.setdefault(module, {})[which] = tensor.float()
    if not factors or any(len(pair) < 2 for pair in factors.values()):
        raise BadInputError(f"{folder}: an adapter without both factors")
    return Lora({module: (pair["A"], pair["B"]) for module, pair in factors.items()}, scale)


class AdapterBank:
    """Adapters by name, ready to be mixed on one model.

    Raises:
        BadInputError: the model has no such modules, or sizes don't fit.
    """

    def __init__(self, model: Any, adapters: Mapping[str, Lora]) -> None:
        self.names = tuple(adapters)
        self._modules: list[tuple[nn.Module, Tensor, Tensor, Tensor]] = []
        causal_lm = anatomy(model).causal_lm
        for name in sorted({module for lora in adapters.values() for module in lora.factors}):
            holding = [
                (i, lora, lora.factors[name]) for i, lora in enumerate(adapters.values()) if name in lora.factors
            ]
            try:
                module = causal_lm.get_submodule(name)
            except AttributeError as error:
                raise BadInputError(f"an adapter changes {name}, which {type(causal_lm).__name__} hasn't") from error
            down = torch.cat([a for _, _, (a, _) in holding])
            up = torch.cat([lora.scale * b for _, lora, (_, b) in holding], dim=1)
            owner = torch.cat([torch.full((a.shape[0],), i) for i, _, (a, _) in holding])
            weight: Any = getattr(module, "base_layer", module).weight
            shape = (up.shape[0], down.shape[1])
            if tuple(weight.shape) != shape and getattr(weight, "quant_state", None) is None:
                raise BadInputError(f"an adapter for {name} of {shape}; the model's has {tuple(weight.shape)}")
            device = weight.device
            self._modules.append((module, down.to(device), up.to(device), owner.to(device)))

    @contextmanager
    def mixed(self, weights: Sequence[Mapping[str, float]]) -> Iterator[None]:
        """Within it every row of a pass is computed with its own mix.

        Args:
            weights: adapter's name to weight, for each row of the pass `[row, token, dim]`; or one for all rows.
        """
        table = torch.tensor([[own.get(name, 0.0) for name in self.names] for own in weights])
        with ExitStack() as stack:
            if bool(table.any()):
                for module, down, up, owner in self._modules:
                    gate = table.to(owner.device)[:, owner][:, None]
                    stack.callback(module.register_forward_hook(adding(gate, down, up)).remove)
            yield


def adding(gate: Tensor, down: Tensor, up: Tensor) -> Any:
    """A hook that adds B (g * A x), computed in float32, to a linear layer's output."""

    def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inside = inputs[0].to(down.dtype) @ down.T
        return output + ((inside * gate) @ up.T).to(output.dtype)

    return hook
