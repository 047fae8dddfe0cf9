"""Bytes of a training step: worked by hand, and measured on small models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from counterpoint.models.language_model import LoraSettings
from counterpoint.models.trie import Shape
from counterpoint.training.planner import ModelShape, Peak, find_model, step_memory
from counterpoint.training.planner.memory import adapter_parameters, layer_bytes, logit_bytes, node_bytes

from .measured import chain, kept_bytes, model_of, peak_bytes

LORA = LoraSettings(dropout=0.0)
NARROW = ModelShape("narrow", "llama", Shape(2, 64, 96, 4, 2, 16, 100), tied=True, source="here")
WIDE = replace(NARROW, shape=replace(NARROW.shape, intermediate=400, layers=3))


def test_memory_of_qwen_3b_by_hand() -> None:
    # 36 layers of hidden size 2048, MLP 11008, 16 heads and 2 key heads of 128; rank 8 on q, k, v, o.
    model, lora = find_model("Qwen2.5-3B-Instruct"), LoraSettings()
    # Adapter: q and o (2048 + 2048) x 8 each, k and v (2048 + 256) x 8 each: 102,400 a layer, 3.69 million.
    assert adapter_parameters(model, lora) == 36 * 102_400
    # A layer keeps a token's two norms 8 x 2049, attention 2 x (2 x 2048 + 2 x 256) + 4 x 16, MLP 6 x 11008, adapter
    # inputs 4 x (3 x 2048 + 16): 16392 + 9280 + 66048 + 24640.
    assert layer_bytes(model, lora) == 116_360
    # Passing in backward: 6 x 11008 + 256.
    assert node_bytes(model, lora) == 36 * 116_360 + 66_304
    memory = step_memory(model, lora, Peak(2000, 300))
    assert memory.weights == 2 * 3_085_938_688
    assert memory.adapter == 16 * 36 * 102_400
    # 300 rows x 151,936 are more than is kept: one chunk of 2^22, and the rows' hidden states.
    assert memory.logits == 12 * 2**22 + 6 * 300 * 2048
    parts = memory.weights + memory.adapter + memory.activations + memory.logits
    assert memory.reserve == pytest.approx(1e9 + 0.05 * parts)
    assert memory.total == pytest.approx(1.05 * parts + 1e9)


def test_qlora_keeps_layers_in_4_bits_and_the_rest_in_float32() -> None:
    model = find_model("Qwen2.5-3B-Instruct")
    # Linear maps: 36 x (2 x 2048 x 2048 + 2 x 2048 x 256 + 3 x 2048 x 11008) = 2,774,532,096 at 4.127 bits; the other
    # 311,406,592 (embedding, norms, biases) at 4 bytes.
    assert model.linear_parameters == 2_774_532_096
    weights = step_memory(model, LORA, Peak(1, 1), quantised=True).weights
    assert weights == pytest.approx(2_774_532_096 * 4.127 / 8 + 311_406_592 * 4)


def test_few_logits_are_kept_and_many_are_not() -> None:
    assert logit_bytes(NARROW, 10) == (4 + 12) * 10 * 100 + 6 * 10 * 64
    assert logit_bytes(NARROW, 2**20) == 12 * 2**22 + 6 * 2**20 * 64


@pytest.mark.parametrize("dropout", [0.0, 0.05])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
def test_a_layer_keeps_the_bytes_that_are_counted(family: str, dropout: float) -> None:
    lora = replace(LORA, dropout=dropout)
    measured = []
    for layers in (1, 2):
        shape = replace(NARROW, family=family, shape=replace(NARROW.shape, layers=layers))
        model = model_of(shape, lora)
        measured.append([kept_bytes(model, chain(nodes, 3)) for nodes in (64, 128)])
    (one, one_more), (two, two_more) = measured
    a_node = ((two_more - two) - (one_more - one)) / 64
    # On a CPU dropout keeps a float of 4 bytes where CUDA keeps one of 1.
    assert a_node == layer_bytes(replace(NARROW, family=family), lora, mask=4)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("shape", [NARROW, WIDE], ids=["narrow", "wide"])
def test_the_peak_of_a_step_is_what_is_counted(shape: ModelShape, checkpointing: bool, tmp_path: Path) -> None:
    model = model_of(shape, LORA, checkpointing=checkpointing)
    small, large = (peak_bytes(model, chain(nodes, 3), tmp_path) for nodes in (128, 256))
    counted = node_bytes(shape, LORA, checkpointing=checkpointing)
    # With checkpointing the layer computed again and what passes are not quite at their highest together.
    assert 0.85 * counted < (large - small) / 128 < 1.02 * counted


def test_more_of_anything_needs_more() -> None:
    model, lora = find_model("Qwen3-4B"), LoraSettings()
    base = step_memory(model, lora, Peak(2000, 300))
    assert step_memory(model, lora, Peak(2001, 300)).total > base.total
    assert step_memory(model, replace(lora, rank=16), Peak(2000, 300)).total > base.total
    assert step_memory(model, lora, Peak(2000, 300), checkpointing=True).activations < 0.1 * base.activations
    assert step_memory(model, lora, Peak(2000, 300), quantised=True).weights < 0.45 * base.weights
