"""Counts of parameters: published ones, and those of transformers' own models built without memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.training.planner import MODELS, ModelShape, find_model

PUBLISHED = {  # number of weights in each model's safetensors files, as its hub page shows
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "Qwen/Qwen2.5-3B-Instruct": 3_085_938_688,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
}
SMALL = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


def test_parameters_counted_from_the_table_are_the_published_ones() -> None:
    assert {model.name: model.parameters for model in MODELS} == PUBLISHED


def test_a_model_worked_by_hand() -> None:
    # Embedding 100 x 32 = 3,200, tied. A layer: query and output 32 x 32 twice = 2,048, key and value 32 x 16 twice
    # = 1,024, MLP 3 x 32 x 48 = 4,608, two norms 64: 7,744. Three layers 23,232, and the last norm 32.
    config = {**SMALL, "model_type": "llama", "tie_word_embeddings": True}
    model = ModelShape.of_config(config, name="small", source="here")
    assert model.parameters == 3200 + 3 * 7744 + 32
    assert model.linear_parameters == 3 * (2048 + 1024 + 4608)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text"])
def test_parameters_are_those_of_transformers_models(family: str, tied: bool) -> None:
    config = AutoConfig.for_model(family, **SMALL, tie_word_embeddings=tied)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = ModelShape.of_config(config.to_dict(), name="small", source="here")
    assert shape.parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", ["lm:Qwen/Qwen2.5-3B-Instruct", "qwen2.5-3b-instruct", "Qwen/Qwen2.5-3B-Instruct"])
def test_known_models_are_found_by_hub_id_with_or_without_owner(name: str) -> None:
    assert find_model(name).shape.layers == 36


def test_a_folder_and_a_config_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, "model_type": "qwen3", "tie_word_embeddings": True}))
    for name in (str(tmp_path), f"lm:{tmp_path}", str(tmp_path / "config.json")):
        found = find_model(name)
        assert (found.family, found.shape.layers, found.tied) == ("qwen3", 3, True)


def test_an_unknown_model_gives_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'Qwen/Qwen2\.5-3B-Instruct'"):
        find_model("Qwen/Qwen2.5-3B-Instrukt")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "can't be read as JSON"),
        ("[]", "expected an object"),
        ('{"model_type": "mamba"}', "model_type is 'mamba'"),
        ('{"model_type": "llama", "hidden_size": 32}', "no complete model configuration"),
    ],
)
def test_a_configuration_that_says_too_little_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInputError, match=said):
        find_model(str(tmp_path))
