"""Bytes that a training step needs, by part: LoRA or QLoRA under bfloat16 autocast, one plan at a time.

Counted from what transformers' layers and peft keep for backward, node by node (a node is a distinct token of a trie).
A test measures both kept and peak bytes of small models on a CPU. LoRA: Hu et al. 2021, arXiv 2106.09685; QLoRA:
Dettmers et al. 2023, arXiv 2305.14314.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from counterpoint.models.language_model import LoraSettings
from counterpoint.models.trie.head import CHUNK, KEEP
from counterpoint.training.planner.shapes import FOUR_NORMS, ModelShape

BITS_4 = 4.127 / 8
"""Bytes of a weight in QLoRA's 4-bit normal floats: 4 bits, and 0.127 for the constants, quantised too (section 3)."""
ADAPTER = 16
"""Bytes of an adapter's weight: itself, its gradient and AdamW's two averages, in float32."""
CONTEXT = 1e9
"""CUDA's context and its libraries' buffers: 0.5 to 1 GB on most cards."""
FRAGMENTATION = 0.05
"""Share of all else that the allocator can't use."""


class Peak(NamedTuple):
    """The largest plan of a run: its nodes, and its rows (nodes that predict some response token)."""

    nodes: int
    rows: int


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they hold."""

    weights: float
    adapter: float
    activations: float
    logits: float
    reserve: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.adapter + self.activations + self.logits + self.reserve


def step_memory(
    model: ModelShape, lora: LoraSettings, peak: Peak, *, quantised: bool = False, checkpointing: bool = False
) -> Memory:
    """What the largest step of a run needs.

    Args:
        model: the base.
        lora: the adapter, its weights in float32.
        peak: the largest plan computed at once.
        quantised: the layers' weights in 4 bits, the others in float32 (as peft prepares them).
        checkpointing: keep every layer's input only, and compute the layer again in backward.
    """
    linear, other = model.linear_parameters, model.parameters - model.linear_parameters
    weights = linear * BITS_4 + 4 * other if quantised else 2 * model.parameters
    unpacked = 2 * max(a * b for a, b in model.projections.values()) if quantised else 0  # one map at a time
    parts = (
        weights,
        ADAPTER * adapter_parameters(model, lora),
        peak.nodes * node_bytes(model, lora, quantised=quantised, checkpointing=checkpointing) + unpacked,
        logit_bytes(model, peak.rows),
    )
    return Memory(*parts, reserve=CONTEXT + FRAGMENTATION * sum(parts))


def adapter_parameters(model: ModelShape, lora: LoraSettings) -> int:
    """Weights of the adapter: a rank x inputs and an outputs x rank matrix for each map."""
    maps = [model.projections[name] for name in lora.modules if name in model.projections]
    return model.shape.layers * sum(lora.rank * (a + b) for a, b in maps)


def node_bytes(model: ModelShape, lora: LoraSettings, *, quantised: bool = False, checkpointing: bool = False) -> int:
    """Bytes of activations a node, at the most that are held at once."""
    s, layer = model.shape, layer_bytes(model, lora)
    # In backward, beside what was kept: three arrays of the MLP's width or, in narrow ones, ten of the hidden size.
    passing = max(20 * s.hidden, 6 * s.intermediate) + 256
    if checkpointing:
        return s.layers * (4 if quantised else 2) * s.hidden + layer + passing
    return s.layers * layer + passing


def layer_bytes(model: ModelShape, lora: LoraSettings, *, mask: int = 1) -> int:
    """Bytes a layer keeps for backward, a node.

    Args:
        model, lora: see `step_memory`.
        mask: bytes that dropout keeps for each of its inputs: 1 on CUDA, 4 on a CPU.
    """
    s = model.shape
    width, keys = s.heads * s.head_dim, s.key_heads * s.head_dim
    norms = (4 if model.family in FOUR_NORMS else 2) * 4 * (s.hidden + 1)  # float32
    if model.normed_heads:
        norms += 4 * (width + keys + s.heads + s.key_heads)
    attention = 2 * (2 * width + 2 * keys) + 4 * s.heads  # query, output, key, value; log-sum-exp
    mlp = 6 * s.intermediate  # gate before and after its activation, up
    maps = [model.projections[name] for name in lora.modules if name in model.projections]
    adapter = sum((2 + (mask if lora.dropout else 0)) * inputs + 2 * lora.rank for inputs, _ in maps)
    return norms + attention + mlp + adapter


def logit_bytes(model: ModelShape, rows: int) -> int:
    """Logits at the answers only: all kept in float32 while they are few, and one chunk being computed."""
    count = rows * model.shape.vocabulary
    return (4 * count if count <= KEEP else 0) + 12 * min(count, CHUNK) + 6 * rows * model.shape.hidden


def all_logit_bytes(model: ModelShape, nodes: int) -> int:
    """For comparison: float32 logits at every position, without their gradient."""
    return 4 * nodes * model.shape.vocabulary
