"""Replies to many poles' prompts, prefixes shared, against transformers' own generate.

    python benchmarks/generation.py --data vcd_dev.json

Greedy, random weights, prompts of real dilemmas (`--data`), every reply as long as the others. Rivals: one prompt at a
time, and all prompts in one batch padded on the left. All must say the same. Times are interleaved, ratios are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from trie_rivals import Texts
from trie_works import SHAPES

from counterpoint.models.generation import Generator
from counterpoint.models.sampling import Decoding

Prompts = Sequence[tuple[int, ...]]
Replies = list[tuple[int, ...]]
WORKS = (("two poles x 4 dilemmas", 2, 4), ("twelve poles x 2 dilemmas", 12, 2))


def build(shape: str, vocabulary: int) -> Any:
    """A Llama of that shape that never ends a reply."""
    from transformers import LlamaConfig, LlamaForCausalLM

    layers, hidden, intermediate, heads, key_heads, size, _ = SHAPES[shape]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        head_dim=size,
        max_position_embeddings=8192,
        initializer_range=0.1,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


def shared(model: Any, tokenizer: Any, prompts: Prompts, new: int) -> Replies:
    """Ours."""
    generator = Generator(model, tokenizer)
    generator._checked = {"reading", "rows", "window"}  # once a model, not once a batch
    return [reply.tokens for reply in generator.generate(prompts, Decoding(temperature=0, max_new_tokens=new))]


def one_by_one(model: Any, _: Any, prompts: Prompts, new: int) -> Replies:
    """transformers, a prompt at a time."""
    return [reply for prompt in prompts for reply in padded(model, _, [prompt], new)]


def padded(model: Any, _: Any, prompts: Prompts, new: int) -> Replies:
    """transformers, all prompts in one batch, padded on the left."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    said = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=new, pad_token_id=0)
    return [tuple(row) for row in said[:, longest:].tolist()]


WAYS: dict[str, Callable[[Any, Any, Prompts, int], Replies]] = {
    "shared": shared,
    "one prompt at a time": one_by_one,
    "one batch, padded": padded,
}


def measure(name: str, model: Any, tokenizer: Any, prompts: Prompts, new: int, runs: int) -> list[dict[str, Any]]:
    """Each rival's time over ours, with the spread of the runs; replies must be equal."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    said: dict[str, Replies] = {}
    for _ in range(runs + 1):  # the first warms up
        for way, run in WAYS.items():
            start = time.perf_counter()
            said[way] = run(model, tokenizer, prompts, new)
            times[way].append(time.perf_counter() - start)
    same = [sum(a == b for a, b in zip(said[way], said["shared"], strict=True)) for way in WAYS]
    if min(same) < len(prompts):
        raise SystemExit(f"{name}: replies differ: {dict(zip(WAYS, same, strict=True))} of {len(prompts)} are equal")
    rows = []
    for way in list(WAYS)[1:]:
        ratios = [other / ours for other, ours in zip(times[way][1:], times["shared"][1:], strict=True)]
        spread = {"ratio": statistics.median(ratios), "ratio_low": min(ratios), "ratio_high": max(ratios)}
        rows.append({"work": name, "rival": way, "seconds": round(statistics.median(times["shared"][1:]), 3), **spread})
        print(f"{name:28} against {way:22} {spread['ratio']:.2f}x ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)
    return rows


def main() -> None:
    """Measure all works and print or write them."""
    from transformers import PreTrainedTokenizerFast

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="crossroads", help="a VCD file, or a built-in data set")
    parser.add_argument("--shape", default="S", choices=SHAPES)
    parser.add_argument("--new", type=int, default=40, help="tokens of every reply")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    texts = Texts(arguments.data, 8192)
    model = build(arguments.shape, texts.tokenizer.get_vocab_size())
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=texts.tokenizer)
    rows = []
    for name, poles, dilemmas in WORKS:
        prompts = [
            texts.question(dilemma) + texts.condition(pole)
            for dilemma in texts.dilemmas[:dilemmas]
            for pole in texts.poles[:poles]
        ]
        rows += measure(name, model, tokenizer, prompts, arguments.new, arguments.runs)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
