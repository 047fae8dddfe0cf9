"""What a training step on a small model really keeps and needs, on a CPU under bfloat16 autocast."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import peft
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM

from counterpoint.models.language_model import LoraSettings
from counterpoint.models.trie import Branch, Plan, build_plan, log_probs, tree_attention
from counterpoint.training.planner import ModelShape


def model_of(shape: ModelShape, lora: LoraSettings, *, checkpointing: bool = False) -> Any:
    """A model of these sizes with random bfloat16 weights and a float32 adapter, ready to train."""
    s = shape.shape
    config = AutoConfig.for_model(
        shape.family,
        vocab_size=s.vocabulary,
        hidden_size=s.hidden,
        intermediate_size=s.intermediate,
        num_hidden_layers=s.layers,
        num_attention_heads=s.heads,
        num_key_value_heads=s.key_heads,
        head_dim=s.head_dim,
        tie_word_embeddings=shape.tied,
    )
    base = AutoModelForCausalLM.from_config(config).to(torch.bfloat16).requires_grad_(False)
    settings = peft.LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(lora.modules)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        model = peft.get_peft_model(base, settings)
    if checkpointing:
        base.activation_checkpointing_enable({"use_reentrant": False})
    return model.train()


def chain(nodes: int, answers: int) -> Plan:
    """One branch of so many nodes, the last of which predict an answer."""
    return build_plan([Branch((0, *torch.randint(1, 90, (nodes,)).tolist()), nodes + 1 - answers)])


def kept_bytes(model: Any, plan: Plan) -> int:
    """Bytes of all distinct storages that autograd keeps for backward, weights not counted."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}  # the tensors too, so that no address is used twice

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (address := tensor.untyped_storage().data_ptr()) not in own:
            kept[address] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        _forward(model, plan)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def peak_bytes(model: Any, plan: Plan, folder: Path) -> int:
    """Most bytes that a step holds at once above what is there before it, by the allocator's own account."""
    _step(model, plan)
    model.zero_grad(set_to_none=True)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        _step(model, plan)
    profiled.export_chrome_trace(str(folder / "trace.json"))
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    held = peak = 0
    for event in sorted((event for event in events if event.get("name") == "[memory]"), key=lambda event: event["ts"]):
        held += event["args"]["Bytes"]
        peak = max(peak, held)
    return peak


def _forward(model: Any, plan: Plan) -> torch.Tensor:
    with tree_attention(model.get_base_model().config), torch.autocast("cpu", torch.bfloat16):
        return -log_probs(model, plan, backend="segments").sums.sum()


def _step(model: Any, plan: Plan) -> None:
    with tree_attention(model.get_base_model().config):  # open round backward too: checkpointing computes layers again
        _forward(model, plan).backward()
