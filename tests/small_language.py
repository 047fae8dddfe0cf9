"""Tokenizers and random language models of a few weights: real code, no download, milliseconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from counterpoint.models.language_model import LanguageModel
from counterpoint.types import Dilemma, Option

CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are somebody else's.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""As Qwen's: its own system prompt unless another is given; thinks unless told not to."""

HEADERS = (
    "{{ bos_token }}{% for m in messages %}<|header|>{{ m['role'] }}<|/header|>\n\n"
    "{% if m['role'] == 'system' %}Today: {{ date_string if date_string is defined else strftime_now('%d %b %Y') }}\n"
    "{% endif %}{{ m['content'] | trim }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|header|>assistant<|/header|>\n\n{% endif %}"
)
"""As Llama 3's: writes BOS itself, tells the day, and ends turns with another token than EOS."""

NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}"
    "{% endif %}<turn>{{ 'model' if m['role'] == 'assistant' else 'user' }}\n{{ m['content'] | trim }}</turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<turn>model\n{% endif %}"
)
"""As Gemma's: refuses a system turn."""

TEMPLATES = {"chatml": CHATML, "headers": HEADERS, "no system": NO_SYSTEM, "none": None}
SPECIAL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|header|>", "<|/header|>", "<|eot|>", "<turn>", "</turn>")

DILEMMA = Dilemma(
    id="boat",
    value_pair="Risk Orientation",
    scenario="Zoë finds a leaking boat on the beach; her café opens at nine.",
    question="What does Zoë do?",
    options=(
        Option("Row to the island at once", "Risk-taking", "The tide won't wait: “now or never”."),
        Option("Walk along the shore", "Risk-averse", "A leak is a leak."),
        Option("Row, but with a 桶 for the water", "Risk-taking", "A bucket makes it bearable."),
    ),
)


@cache
def _bytes(seed_text: str = "") -> str:
    """A byte-level tokenizer, so that any text can be put, as JSON."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(["the option of the one who answers, and what the letter is"] * 9 + [seed_text], trainer)
    return str(made.to_str())


def tokenizer(template: str = "none", *, bos: bool = False, eos: str | None = "</s>") -> Any:
    """A tokenizer with that template; with `bos` it puts `<s>` before every text itself."""
    made = Tokenizer.from_str(_bytes())
    if bos:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    kinds = {"bos_token": "<s>"} if bos or template in ("headers", "no system") else {}
    if eos:
        kinds["eos_token"] = eos
    others = [token for token in SPECIAL if token not in kinds.values()]
    built = transformers.PreTrainedTokenizerFast(tokenizer_object=made, additional_special_tokens=others, **kinds)
    built.chat_template = TEMPLATES[template]
    return built


def weights(seed: int = 0, **changes: Any) -> Any:
    """A random Llama whose attention is far from uniform, in evaluation mode."""
    settings: dict[str, Any] = {
        "vocab_size": 400,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "initializer_range": 0.2,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = transformers.LlamaConfig(**{**settings, **changes})
        return transformers.AutoModelForCausalLM.from_config(config).eval()


def language(template: str = "chatml", *, seed: int = 0, folder: Path | None = None) -> LanguageModel:
    """A random language model; with `folder`, written there and loaded from it."""
    made, words = weights(seed), tokenizer(template)
    if folder is None:
        return LanguageModel("lm:small", made.requires_grad_(False), words, identity=f"small {seed}")
    made.save_pretrained(folder)
    words.save_pretrained(folder)
    return LanguageModel.load(f"lm:{folder}")


def randomised(model: Any, seed: int = 1) -> None:
    """Give an adapter's second factors random values, so that it changes something."""
    draw = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.3
