"""A random Llama of two layers with a word tokenizer: real code, no download, milliseconds."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from counterpoint.data import taxonomy
from counterpoint.models.language_model import LanguageModel, LoraSettings
from counterpoint.models.prompts import Prompter
from counterpoint.training.lm import LmTraining
from counterpoint.types import Dilemma, Option

VCD = taxonomy("vcd")
RISK, TIME = VCD.by_name["Risk Orientation"], VCD.by_name["Time Preference"]
NO_DROPOUT = LoraSettings(rank=2, alpha=4, dropout=0.0)
QUICK = LmTraining(
    lora=NO_DROPOUT, epochs=2, batch=2, accumulate=2, learning_rate=1e-2, warmup_steps=0, save_steps=1000
)
WORDS = [
    "ant",
    "bee",
    "cat",
    "dog",
    "eel",
    "fox",
    "gnu",
    "hen",
    "ibis",
    "jay",
    "kite",
    "lark",
    "mole",
    "newt",
    "owl",
    "pig",
    "quail",
    "rat",
    "seal",
    "toad",
]


def dilemmas(count: int, *, seed: int = 0, options: int = 3, words: int = 12) -> list[Dilemma]:
    """Made-up dilemmas of two value pairs in turn, both poles in each."""
    draw = random.Random(seed)

    def text(length: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(length))

    made = []
    for i in range(count):
        pair = (RISK, TIME)[i % 2]
        poles = [pair.positive.name, pair.negative.name, *(draw.choice(pair.poles).name for _ in range(options - 2))]
        choices = tuple(Option(f"{text(3)} {j}", pole, text(3)) for j, pole in enumerate(poles))
        made.append(Dilemma(f"d{i}", pair.name, f"{i} {text(words)}", choices))
    return made


def tokenizer() -> Any:
    """One token a word or mark, made from the words that prompts hold."""
    probe = Dilemma(
        "p", RISK.name, " ".join([*WORDS, *map(str, range(60))]), (Option("ant", RISK.positive.name, "bee"),) * 6
    )
    empty = _tokenizer({"<unk>": 0, "<s>": 1, "</s>": 2})
    prompter = Prompter(empty)
    texts = [prompter.text(probe, pole, form=form) for pole in (*VCD.poles, None) for form in ("letter", "answer")]
    texts += [prompter.reply(probe, option) for option in range(6)] + ["Reply: You choose for the person who answers"]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text)})
    return _tokenizer({"<unk>": 0, "<s>": 1, "</s>": 2} | {word: i + 3 for i, word in enumerate(words)})


def _tokenizer(vocabulary: dict[str, int]) -> Any:
    made = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def language(*, dtype: torch.dtype = torch.float32, **changes: Any) -> LanguageModel:
    """The same random model at every call."""
    words = tokenizer()
    config = transformers.LlamaConfig(
        **{
            "vocab_size": len(words),
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 1024,
            "initializer_range": 0.25,
            "bos_token_id": 1,
            "eos_token_id": 2,
            **changes,
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).to(dtype)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return LanguageModel("lm:small", model.eval(), words, identity="small")


def weights(made: LanguageModel) -> dict[str, torch.Tensor]:
    """A copy of the adapter's weights."""
    return {name: p.detach().clone() for name, p in made.model.named_parameters() if "lora_" in name}


class Shaken(LanguageModel):
    """Its adapters begin with random weights, so that every gradient is seen and no score is the base's."""

    def add_adapter(self, lora: LoraSettings | None = None, *, seed: int = 0) -> None:
        super().add_adapter(lora, seed=seed)
        draw = torch.Generator().manual_seed(1)
        for name, parameter in self.model.named_parameters():
            if "lora_" in name:
                parameter.data.copy_(0.3 * torch.randn(parameter.shape, generator=draw))


def shaken() -> LanguageModel:
    """In double precision, so that only a wrong gradient is a different one."""
    made = language(dtype=torch.float64)
    return Shaken(made.name, made.model, made.tokenizer, identity="small")


ONE_STEP = replace(
    QUICK, steps=1, batch=2, accumulate=2, optimiser="sgd", learning_rate=1.0, clip=0.0, weight_decay=0.0,
    schedule="constant_with_warmup",
)  # fmt: skip
"""One step of plain gradient descent: what the weights lose is the gradient."""
