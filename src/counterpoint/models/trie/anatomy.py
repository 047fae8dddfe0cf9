"""The parts of a causal language model that the engine needs, and which models it may be used on.

A family is on the list once log-probabilities and gradients were shown equal to separate passes. For anything else a
tree can be silently wrong: a recurrent state runs on from one branch into the next, a router's loss counts nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from counterpoint.errors import CounterpointError

FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "gemma2", "gemma3_text")
"""`config.model_type` of the decoders whose trees are tested."""

MASK_BY_LAYER = ("qwen2", "qwen3", "gemma2", "gemma3_text")
"""Families whose forward takes a dict of masks, one for each kind of layer."""

STATEFUL = (
    "mamba", "mamba2", "falcon_mamba", "rwkv", "recurrent_gemma", "jamba", "bamba", "zamba", "zamba2", "nemotron_h",
    "granitemoehybrid", "falcon_h1", "qwen3_next", "qwen3_5_text", "lfm2", "minimax", "kimi_linear", "xlstm",
    "olmo_hybrid",
)  # fmt: skip
STATEFUL_LAYERS = ("linear_attention", "conv", "hybrid", "hybrid_sliding", "mamba", "recurrent")


class UnsupportedModelError(CounterpointError, ValueError):
    """A model whose branches can't share a prefix exactly; the message says why and what to do."""


@dataclass(frozen=True)
class Anatomy:
    """A causal language model taken apart. Nothing here is a copy: gradients and adapters are the model's own."""

    model: nn.Module  # what the caller holds, perhaps wrapped by peft
    causal_lm: nn.Module  # transformers' ...ForCausalLM
    decoder: nn.Module  # ids in, hidden states out
    head: nn.Module  # hidden states in, logits out
    config: Any  # the decoder's

    @property
    def final_softcap(self) -> float | None:
        """Soft cap of the logits, if the family has one."""
        cap: float | None = getattr(self.config, "final_logit_softcapping", None)
        return cap

    @property
    def softcap(self) -> float | None:
        """Soft cap of the attention scores, if the family has one."""
        cap: float | None = getattr(self.config, "attn_logit_softcapping", None)
        return cap

    @property
    def window(self) -> int | None:
        """Sliding window of the layers that have one, in tokens, the query's own included."""
        window: int | None = getattr(self.config, "sliding_window", None)
        kinds = getattr(self.config, "layer_types", None)
        return window if kinds is None or "sliding_attention" in kinds else None

    @property
    def device(self) -> torch.device:
        """Where token ids must be."""
        embedding: Tensor = self.decoder.get_input_embeddings().weight  # type: ignore[operator]
        return embedding.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the hidden states."""
        embedding: Tensor = self.decoder.get_input_embeddings().weight  # type: ignore[operator]
        return embedding.dtype

    @property
    def checkpoints(self) -> bool:
        """Whether backward will compute layers again (gradient checkpointing)."""
        layers = (module for module in self.decoder.modules() if module.training)
        return any(getattr(module, "gradient_checkpointing", None) for module in layers)


def anatomy(model: Any) -> Anatomy:
    """The parts of a transformers model or of a peft model around one.

    Raises:
        UnsupportedModelError: the model has no such parts, or an adapter that is more than changed weights.
    """
    if hasattr(model, "peft_config"):
        _check_adapters(model)
    causal_lm = model.get_base_model() if hasattr(model, "get_base_model") else model
    decoder = causal_lm.get_decoder() if hasattr(causal_lm, "get_decoder") else causal_lm
    head = causal_lm.get_output_embeddings() if hasattr(causal_lm, "get_output_embeddings") else None
    if decoder is causal_lm or head is None:
        raise UnsupportedModelError(
            f"{type(causal_lm).__name__} is no causal language model of transformers: no decoder or no output embedding"
        )
    return Anatomy(model, causal_lm, decoder, head, decoder.config)


def refusal(parts: Anatomy) -> str:
    """Why this model's branches must not share a prefix, or the empty string where they may."""
    config = parts.config
    kind = getattr(config, "model_type", type(config).__name__)
    layers = [name for name in STATEFUL_LAYERS if name in (getattr(config, "layer_types", None) or ())]
    if kind in STATEFUL or layers:
        what = f"{kind} has {', '.join(layers)} layers" if layers else f"{kind} is recurrent"
        return f"{what}: their state would run on from one branch into the next"
    if kind not in FAMILIES:
        return f"{kind} is not among the families whose trees are tested ({', '.join(FAMILIES)})"
    if getattr(config, "use_bidirectional_attention", False):
        return f"this {kind} attends in both directions: a prefix would see its continuations"
    if scaling := _length_dependent(config):
        return f"its rotary positions ({scaling}) depend on the longest sequence of a pass, so a tree would change them"
    if parts.model.training and getattr(config, "attention_dropout", None):
        return (
            f"attention dropout is {config.attention_dropout} and its noise would be shared between branches; "
            "set config.attention_dropout = 0.0"
        )
    return ""


def _length_dependent(config: Any) -> str:
    """The rotary scaling type if it depends on a pass's length."""
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = [rope, *(value for value in rope.values() if isinstance(value, dict))]
    found = {str(kind.get("rope_type")) for kind in kinds} & {"dynamic", "longrope"}
    return ", ".join(sorted(found))


def _check_adapters(model: Any) -> None:
    for name, config in model.peft_config.items():
        kind = str(getattr(config.peft_type, "value", config.peft_type))
        if config.is_prompt_learning:
            why = "adds virtual tokens of its own"
        elif getattr(config, "alora_invocation_tokens", None) or kind in ("XLORA", "POLY"):
            why = "chooses weights by the input"
        else:
            continue
        raise UnsupportedModelError(f"adapter {name!r} ({kind}) {why}; only adapters that change weights are supported")
