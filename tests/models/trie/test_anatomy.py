"""Which models are refused, and why."""

import warnings

import peft
import pytest
import torch
import transformers

from counterpoint.models.trie import TrieEngine, UnsupportedModelError, build_plan, log_probs
from counterpoint.models.trie.anatomy import anatomy, refusal

from .tiny import COMMON, FAMILIES, model, tree

SMALL = {key: COMMON[key] for key in ("vocab_size", "hidden_size", "num_hidden_layers", "pad_token_id")}
ATTENTION = {**SMALL, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2}
RECURRENT = {
    "mamba": lambda: transformers.MambaConfig(**SMALL, state_size=4),
    "rwkv": lambda: transformers.RwkvConfig(**SMALL, attention_hidden_size=32),
    "recurrent_gemma": lambda: transformers.RecurrentGemmaConfig(**ATTENTION, lru_width=32),
    "qwen3_next": lambda: transformers.Qwen3NextConfig(**ATTENTION),
    "jamba": lambda: transformers.JambaConfig(**ATTENTION),
    "lfm2": lambda: transformers.Lfm2Config(**ATTENTION),
}


class Stub(torch.nn.Module):
    """The least that has a decoder and a config."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.decoder = torch.nn.Linear(1, 1)
        self.decoder.config = config

    def get_decoder(self):
        return self.decoder

    def get_output_embeddings(self):
        return self.decoder


@pytest.mark.parametrize("kind", RECURRENT)
def test_layers_that_carry_a_state_are_refused(kind):
    assert "run on from one branch into the next" in refusal(anatomy(Stub(RECURRENT[kind]())))


@pytest.mark.parametrize("cls", [transformers.MixtralConfig, transformers.Qwen3MoeConfig, transformers.Phi3Config])
def test_families_that_nobody_tested_are_refused(cls):
    assert "not among the families" in refusal(anatomy(Stub(cls(**ATTENTION))))


@pytest.mark.parametrize("family", FAMILIES)
def test_tested_families_are_taken_with_and_without_lora(family):
    assert refusal(anatomy(model(family))) == ""
    assert refusal(anatomy(model(family, lora=True))) == ""


def test_bidirectional_attention_is_refused():
    assert "both directions" in refusal(anatomy(model("gemma3", use_bidirectional_attention=True)))


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_rotary_positions_that_depend_on_the_length_are_refused(kind):
    made = model("llama")
    made.config.rope_parameters = {"rope_type": kind, "rope_theta": 1e4}
    assert kind in refusal(anatomy(made))


def test_attention_dropout_is_refused_in_training_only():
    made = model("llama", attention_dropout=0.1)
    assert refusal(anatomy(made)) == ""
    assert "attention dropout is 0.1" in refusal(anatomy(made.train()))


def test_prompt_learning_adapters_are_refused():
    settings = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = peft.get_peft_model(model("llama"), settings)
    with pytest.raises(UnsupportedModelError, match="virtual tokens"):
        anatomy(wrapped)


def test_something_that_is_no_language_model_is_refused():
    with pytest.raises(UnsupportedModelError, match="Linear"):
        anatomy(torch.nn.Linear(1, 1))
    with pytest.raises(UnsupportedModelError, match="LlamaModel"):
        anatomy(model("llama").model)


def test_refused_models_can_still_be_scored_branch_by_branch():
    torch.manual_seed(0)
    made = transformers.MixtralForCausalLM(transformers.MixtralConfig(**ATTENTION, num_local_experts=2)).eval()
    plan = build_plan(tree(1))
    for call in (
        lambda: TrieEngine(made),
        lambda: log_probs(made, plan),
        lambda: log_probs(made, plan, backend="dense"),
    ):
        with pytest.raises(UnsupportedModelError, match="mixtral"):
            call()
    assert torch.isfinite(TrieEngine(made, backend="separate").log_probs(plan).sums).all()


def test_a_state_does_leak_where_the_refusal_is_overruled():
    torch.manual_seed(0)
    config = transformers.MambaConfig(**SMALL, state_size=4, initializer_range=0.5)
    made = transformers.MambaForCausalLM(config).eval()
    plan = build_plan(tree(2, length=5))
    ids = torch.from_numpy(plan.tokens)[None]
    with torch.no_grad():
        last = made(ids).logits[0, -1]  # the last node, run after the other branch
        ancestors = [i for i in range(len(plan)) if plan.end[i] >= len(plan) - 1]
        alone = made(ids[:, ancestors]).logits[0, -1]
    assert (last - alone).abs().max() > 0.05
