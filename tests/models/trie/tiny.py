"""Tiny random models of every supported family, trees of any depth, and the comparison that all rests on."""

from __future__ import annotations

import random
import warnings
from typing import Any

import torch
import transformers
from torch import Tensor

from counterpoint.models.trie import Branch, BranchLogProbs, Plan, log_probs

VOCABULARY = 61
FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "gemma2", "gemma3")
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj")
WINDOWED = ("qwen2", "qwen3", "mistral", "gemma2", "gemma3")

# Weights ten times as large as usual: attention is then far from uniform, and a wrong mask shows in whole nats.
COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "initializer_range": 0.25,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def config(family: str, **changes: Any) -> Any:
    """A tiny config; families with windows have one of 5 tokens, in one of their two layers where they mix kinds."""
    windows = {"sliding_window": 5}
    some = {**windows, "use_sliding_window": True, "max_window_layers": 1}
    caps = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 4.0}
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "llama": (transformers.LlamaConfig, {}),
        "qwen2": (transformers.Qwen2Config, some),
        "qwen3": (transformers.Qwen3Config, some),
        "mistral": (transformers.MistralConfig, windows),
        "gemma2": (transformers.Gemma2Config, {**windows, **caps, "query_pre_attn_scalar": 8}),
        "gemma3": (transformers.Gemma3TextConfig, {**windows, "query_pre_attn_scalar": 8, "sliding_window_pattern": 2}),
    }
    cls, extra = kinds[family]
    return cls(**{**COMMON, **extra, **changes})


def model(family: str, *, lora: bool = False, lora_dropout: float = 0.0, targets: Any = TARGETS, **changes: Any) -> Any:
    """A random model in float32, in evaluation mode; with `lora`, an adapter with random weights that are not zero."""
    torch.manual_seed(0)
    made = transformers.AutoModelForCausalLM.from_config(config(family, **changes))
    if lora:
        import peft

        settings = peft.LoraConfig(r=4, lora_alpha=8, lora_dropout=lora_dropout, target_modules=list(targets))
        with warnings.catch_warnings():  # peft still asks transformers by a name that it deprecates
            warnings.simplefilter("ignore", FutureWarning)
            made = peft.get_peft_model(made, settings)
        for name, parameter in made.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()


def checkpointed(made: Any, *, reentrant: bool = False) -> Any:
    """The model in training mode with gradient checkpointing."""
    newer = getattr(made, "activation_checkpointing_enable", None)
    (newer or made.gradient_checkpointing_enable)({"use_reentrant": reentrant})
    return made.train()


def tokens(count: int, seed: int) -> tuple[int, ...]:
    """Random token ids without special ones."""
    draw = random.Random(seed)
    return tuple(draw.randrange(3, VOCABULARY) for _ in range(count))


def tree(levels: int, *, length: int = 3, seed: int = 0) -> list[Branch]:
    """A conversation: at every one of `levels` branchings one reply ends and another goes on."""
    spine = (1, *tokens(length, seed))
    branches = []
    for level in range(levels):
        reply = tokens(length + level % 3, seed + 100 + level)
        branches.append(Branch((*spine, *reply, 2), len(spine)))
        spine += tokens(length, seed + 200 + level)
    return [*branches, Branch((*spine, 2), len(spine) - 1)]


def pair(*, prompt: int = 12, reply: int = 8) -> list[Branch]:
    """Two replies to one prompt."""
    start = (1, *tokens(prompt, 1))
    return [Branch((*start, *tokens(reply, seed), 2), len(start)) for seed in (2, 3)]


def gradient(made: Any, result: BranchLogProbs) -> Tensor:
    """Gradient of the sum of the branches' means with respect to all trainable weights, as one vector."""
    made.zero_grad(set_to_none=True)
    result.means.sum().backward()
    parts = [p.grad.flatten() for p in made.parameters() if p.requires_grad and p.grad is not None]
    return torch.cat(parts)


def difference(made: Any, plan: Plan, backend: str) -> float:
    """Largest difference of a token's log-probability from separate passes, nats."""
    with torch.no_grad():
        found, expected = (log_probs(made, plan, backend=name).tokens for name in (backend, "separate"))
    return float((found - expected).abs().max())


def relative(found: Tensor, expected: Tensor) -> float:
    """Length of the difference of two vectors over the length of the second."""
    return float((found - expected).norm() / expected.norm())
