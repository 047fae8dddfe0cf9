"""Speed and memory of the token trie, always as ratios against a named rival in the same process.

    python benchmarks/trie.py --data vcd_dev.json --json OUT [--quick]

Every variant computes the same loss on the same model and texts (asserted); runs of all variants of a work are
interleaved, and the ratio is of medians. Beside each stands the limit: how many tokens and how many floating-point
operations the rival computes for one of the trie's. Attention that wastes less than the rival's can pass it.

Works: a pair a dilemma (PFT, full weights and LoRA), twelve poles, DPO 2x2, a ten-turn conversation of chosen and
rejected replies, scoring 12 poles x 4 options as full answers and as letters. Rivals: the reference's way (a pass a
branch, padded to 512, all logits) and the best without sharing (exact lengths, logits at answers only).

Models are Llamas with random weights (S: 6 x 256, M: 8 x 512, and larger shapes for a GPU). Tokens are those of a
byte-level BPE trained on the texts themselves: nothing is downloaded.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import ctypes
import gc
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from trie_rivals import RIVALS, Method, Scores, Texts, rival_lengths, trie

from counterpoint.models.trie import Branch, build_plan
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.estimate import Shape, visible_pairs

SHAPES = {  # layers, hidden, intermediate, heads, key heads, head size, vocabulary (0: the tokenizer's)
    "XS": (2, 32, 48, 4, 2, 8, 0),  # for trying the script itself
    "S": (6, 256, 688, 8, 8, 32, 0),
    "M": (8, 512, 1376, 8, 8, 64, 0),
    "0.5B": (24, 896, 4864, 14, 2, 64, 151_936),
    "3B": (36, 2048, 11_008, 16, 2, 128, 151_936),
}


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
    poles = texts.poles
    some = texts.dilemmas[:count]
    both, best = ("a pass a branch, padded to 512", "exact lengths, answer logits"), ("exact lengths, answer logits",)
    pairs = [texts.asked(d, poles[:2], lambda i: (i,)) for d in some]
    for shape in shapes:
        yield Work("pair", shape, pairs, both)
    shape = shapes[0]
    yield Work("pair, LoRA", shape, pairs, both, lora=True)
    dozen = [texts.asked(d, poles, lambda i: (i % 4,)) for d in some[: max(1, count // 3)]]
    yield Work("twelve poles", shape, dozen, both, memory=True)
    squares = [texts.asked(d, poles[:2], lambda i: (i, 1 - i)) for d in some]
    yield Work("DPO 2x2, LoRA", shape, squares, both, loss="dpo", lora=True)
    yield Work("conversation, 10 turns x 2", shape, [texts.conversation(texts.dilemmas)], best, memory=True)
    rivals = ("a pass a branch, padded to 512", "padded to the longest", "exact lengths, answer logits")
    fours = [d for d in texts.dilemmas if len(d.options) == 4][: max(1, count // 3)]
    full = [texts.scored(d, [texts.option(d, i) for i in range(4)]) for d in fours]
    yield Work("scoring 12 x 4, full answers", shape, full, rivals, "none")
    letters = [texts.scored(d, [texts.ids(letter) for letter in "ABCD"]) for d in fours]
    yield Work("scoring 12 x 4, letters", shape, letters, (*rivals, "exact lengths, one pass a prompt"), "none")


def loss_of(work: Work, model: Any, method: Method, branches: Sequence[Branch]) -> tuple[Tensor, Scores]:
    """The step's loss (mean over branches, nats) and the log-probabilities it is made of."""
    if work.loss == "none":
        with torch.no_grad():
            scores = method(model, branches)
        return torch.stack([score.mean() for score in scores]).mean(), scores
    if work.loss == "pft":
        scores = method(model, branches)
        return -torch.stack([score.mean() for score in scores]).mean(), scores
    with torch.no_grad(), model.disable_adapter():  # DPO's reference is the model without its adapter
        start = torch.stack([score.sum() for score in method(model, branches)])
    scores = method(model, branches)
    margin = (torch.stack([score.sum() for score in scores]) - start).view(-1, 2)  # chosen, rejected
    return -torch.nn.functional.logsigmoid(0.1 * (margin[:, 0] - margin[:, 1])).mean(), scores


def build(work: Work, vocabulary: int, device: str, dtype: torch.dtype) -> Any:
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
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).to(device, dtype)
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


@dataclass(frozen=True)
class Row:
    """One line of the result. Ratios are rival over trie in time (limits: in work), but trie over rival in memory."""

    work: str
    model: str
    rival: str
    ratio: float
    ratio_low: float
    ratio_high: float
    token_limit: float
    flop_limit: float
    max_logprob_difference: float
    max_gradient_difference: float | None
    peak_memory_ratio: float | None


def measure(work: Work, model: Any, ours: Method, rounds: int) -> Iterator[Row]:
    """Agreement first (which warms caches too), then interleaved times, then memory."""
    methods = {"trie": ours, **{name: RIVALS[name] for name in work.rivals}}
    agreement = agree(work, model, methods)
    times: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            times[name].append(step_seconds(work, model, method))
    peaks = {name: peak_memory(work, model, method) for name, method in methods.items()} if work.memory else {}
    for name in work.rivals:
        each = [rival / trie_ for rival, trie_ in zip(times[name], times["trie"], strict=True)]
        tokens, flops = limits(work, model, name)
        yield Row(
            work=work.name,
            model=work.model,
            rival=name,
            ratio=statistics.median(times[name]) / statistics.median(times["trie"]),
            ratio_low=min(each),
            ratio_high=max(each),
            token_limit=tokens,
            flop_limit=flops,
            max_logprob_difference=agreement[name][0],
            max_gradient_difference=agreement[name][1],
            peak_memory_ratio=peaks["trie"] / peaks[name] if peaks.get("trie") and peaks.get(name) else None,
        )


def agree(work: Work, model: Any, methods: Mapping[str, Method]) -> dict[str, tuple[float, float | None]]:
    """For every method the trie's largest difference of a token's log-probability and its gradient's relative one.

    On the first example. DPO's gradient is a small difference of large ones: in float32 separate passes are themselves
    further from float64 (1.6e-5) than the trie is (7e-6). So there the comparison is made in float64.
    """
    if work.loss == "dpo" and model.dtype == torch.float32:
        model = copy.deepcopy(model).double()
    found = {name: outcome(work, model, method) for name, method in methods.items()}
    loss, scores, gradient = found["trie"]
    tolerance = 0.05 if model.dtype == torch.bfloat16 else 1e-4
    differences: dict[str, tuple[float, float | None]] = {}
    for name, (other_loss, other_scores, other) in found.items():
        assert abs(loss - other_loss) < tolerance, f"{work.name}: losses {loss} and {other_loss} ({name}) differ"
        relative = None if gradient is None or other is None else float((gradient - other).norm() / other.norm())
        differences[name] = float((scores - other_scores).abs().max()), relative
    return differences


def outcome(work: Work, model: Any, method: Method) -> tuple[float, Tensor, Tensor | None]:
    """Loss, log-probabilities of all response tokens `[token]` and, for a training loss, the gradient as one vector."""
    model.zero_grad(set_to_none=True)
    loss, scores = loss_of(work, model, method, work.examples[0])
    if work.loss != "none":
        loss.backward()
    gradients = [p.grad.flatten().clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return float(loss.detach()), torch.cat(scores).detach(), torch.cat(gradients) if gradients else None


def step_seconds(work: Work, model: Any, method: Method) -> float:
    """All examples once: forward and, for a training loss, backward."""
    gc.collect()
    model.zero_grad(set_to_none=True)
    _wait(model)
    start = time.perf_counter()
    for branches in work.examples:
        loss, _ = loss_of(work, model, method, branches)
        if work.loss != "none":
            loss.backward()
    _wait(model)
    return time.perf_counter() - start


def peak_memory(work: Work, model: Any, method: Method) -> float | None:
    """Bytes that a step on the largest example needs above what is there before it; None where it can't be read."""
    branches = max(work.examples, key=lambda example: sum(len(branch.tokens) for branch in example))
    model.zero_grad(set_to_none=True)
    gc.collect()
    if model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = float(torch.cuda.memory_allocated())
        loss_of(work, model, method, branches)[0].backward()
        return torch.cuda.max_memory_allocated() - before
    reset = Path("/proc/self/clear_refs")
    if not os.access(reset, os.W_OK):
        return None
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what earlier steps freed must not hide what this one takes
    reset.write_text("5")  # the high-water mark starts again from here
    resident = _status("VmRSS")
    loss_of(work, model, method, branches)[0].backward()
    return _status("VmHWM") - resident


def limits(work: Work, model: Any, rival: str) -> tuple[float, float]:
    """Tokens and forward operations of the rival for one of the trie's, masked pairs not counted."""
    shape = Shape.of(anatomy(model).config)
    tokens = [0.0, 0.0]
    flops = [0.0, 0.0]
    for branches in work.examples:
        plan = build_plan(branches)
        sides = [(len(plan), visible_pairs(plan), len(plan.rows))]
        lengths, rows = rival_lengths(rival, branches)
        sides.append((sum(lengths), sum(n * (n + 1) / 2 for n in lengths), rows))
        for side, (nodes, pairs, projected) in enumerate(sides):
            tokens[side] += nodes
            flops[side] += shape.flops(nodes=nodes, pairs=pairs, rows=projected)
    return tokens[1] / tokens[0], flops[1] / flops[0]


def _status(field: str) -> float:
    """A size from this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def _wait(model: Any) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="crossroads", help="a VCD file, or a built-in data set")
    parser.add_argument("--json", type=Path, help="where to write the list of results")
    parser.add_argument("--quick", action="store_true", help="fewer dilemmas and rounds: under ten minutes on 2 cores")
    parser.add_argument("--work", default="", help="only works whose name contains this")
    parser.add_argument("--models", default="S,M", help=f"shapes: {', '.join(SHAPES)}; all works run on the first")
    parser.add_argument("--backend", default="segments", help="the trie's back end")
    parser.add_argument("--rounds", type=int, help="timed rounds (7, or 3 with --quick)")
    parser.add_argument("--dilemmas", type=int, help="dilemmas a work (9, or 3 with --quick)")
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    return parser.parse_args()


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    rounds = options.rounds or (3 if options.quick else 7)
    texts = Texts(options.data, options.vocabulary)
    ours = partial(trie, backend=options.backend)
    rows: list[Row] = []
    for work in works(texts, options.dilemmas or (3 if options.quick else 9), options.models.split(",")):
        if options.work not in work.name:
            continue
        lengths = sorted(len(branch.tokens) for example in work.examples for branch in example)
        print(f"{work.name} ({work.model}): {len(lengths)} sequences, median {lengths[len(lengths) // 2]} tokens")
        model = build(work, texts.tokenizer.get_vocab_size(), options.device, getattr(torch, options.dtype))
        for row in measure(work, model, ours, rounds):
            memory = f", memory {row.peak_memory_ratio:.2f}x" if row.peak_memory_ratio else ""
            print(
                f"  {row.ratio:5.2f}x [{row.ratio_low:.2f}, {row.ratio_high:.2f}] against {row.rival}; limits: tokens "
                f"{row.token_limit:.2f}, operations {row.flop_limit:.2f}{memory}; differ by "
                f"{row.max_logprob_difference:.1e} nats"
                + (f", gradient {row.max_gradient_difference:.1e}" if row.max_gradient_difference else ""),
                flush=True,
            )
            rows.append(row)
        del model
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
    sys.exit(0)
