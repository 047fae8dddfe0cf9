"""What is computed: trees of branches with a loss, and the models with random weights that compute it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from trie_rivals import Texts

from counterpoint.models.trie import Branch

SHAPES = {  # layers, hidden, intermediate, heads, key heads, head size, vocabulary (0: the tokenizer's)
    "XS": (2, 32, 48, 4, 2, 8, 0),  # for trying the script itself
    "S": (6, 256, 688, 8, 8, 32, 0),
    "M": (8, 512, 1376, 8, 8, 64, 0),
    "0.5B": (24, 896, 4864, 14, 2, 64, 151_936),  # of Qwen2.5
    "3B": (36, 2048, 11_008, 16, 2, 128, 151_936),
}

PADDED, EXACT = "a pass a branch, padded to 512", "exact lengths, answer logits"
LONGEST, PROMPT_ONCE = "padded to the longest", "exact lengths, one pass a prompt"


@dataclass(frozen=True)
class Work:
    """What is computed; `examples` are timed one after the other, each in one step."""

    name: str
    model: str
    examples: list[list[Branch]]
    rivals: tuple[str, ...]
    loss: str = "pft"  # pft, dpo or none (scoring)
    lora: bool = False
    memory: bool = False


def works(texts: Texts, count: int, shapes: Sequence[str]) -> Iterator[Work]:
    """All works on the first shape, and the pair with full weights on each."""
    poles = texts.poles
    some = texts.dilemmas[:count]
    both = (PADDED, EXACT)
    pairs = [texts.asked(d, poles[:2], lambda i: (i,)) for d in some]
    for shape in shapes:
        yield Work("pair", shape, pairs, both)
    shape = shapes[0]
    yield Work("pair, LoRA", shape, pairs, both, lora=True)
    dozen = [texts.asked(d, poles, lambda i: (i % 4,)) for d in some[: max(1, count // 3)]]
    yield Work("twelve poles", shape, dozen, both, memory=True)
    squares = [texts.asked(d, poles[:2], lambda i: (i, 1 - i)) for d in some]
    yield Work("DPO 2x2, LoRA", shape, squares, (*both, "trl"), loss="dpo", lora=True)
    yield Work("conversation, 10 turns x 2", shape, [texts.conversation(texts.dilemmas)], (EXACT,), memory=True)
    fours = [d for d in texts.dilemmas if len(d.options) == 4][: max(1, count // 3)]
    full = [texts.scored(d, [texts.option(d, i) for i in range(4)]) for d in fours]
    yield Work("scoring 12 x 4, full answers", shape, full, (PADDED, LONGEST, EXACT), "none")
    letters = [texts.scored(d, [texts.ids(letter) for letter in "ABCD"]) for d in fours]
    yield Work("scoring 12 x 4, letters", shape, letters, (PADDED, LONGEST, EXACT, PROMPT_ONCE), "none")


def build(work: Work, vocabulary: int, device: str, dtype: torch.dtype) -> Any:
    """The work's model: a Llama of its shape, with an adapter that does something if the work has one."""
    from transformers import LlamaConfig, LlamaForCausalLM

    layers, hidden, intermediate, heads, key_heads, size, own = SHAPES[work.model]
    config = LlamaConfig(
        vocab_size=own or vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        head_dim=size,
        max_position_embeddings=8192,
        tie_word_embeddings=bool(own),
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(config).to(dtype)
    if work.lora:
        import peft

        targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
        with warnings.catch_warnings():  # peft still asks transformers by a name that it deprecates
            warnings.simplefilter("ignore", FutureWarning)
            model = peft.get_peft_model(model, peft.LoraConfig(r=8, lora_alpha=32, target_modules=targets))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
    return model.eval()
