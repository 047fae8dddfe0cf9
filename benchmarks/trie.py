"""Speed and memory of the token trie, always as ratios against a named rival in the same process.

    python benchmarks/trie.py --data vcd_dev.json --json OUT [--quick]
    python benchmarks/trie.py --device cuda --dtype bfloat16 --models 0.5B,3B --json OUT

Every variant computes the same loss on the same model and texts (asserted); runs of all variants of a work are
interleaved, and the ratio is of medians. Beside each stands the limit: how many tokens and how many floating-point
operations the rival computes for one of the trie's. Attention that wastes less than the rival's can pass it.

Works: a pair a dilemma (PFT, full weights and LoRA), twelve poles, DPO 2x2, a ten-turn conversation of chosen and
rejected replies, scoring 12 poles x 4 options as full answers and as letters. Rivals: the reference's way (a pass a
branch, padded to 512, all logits), the best without sharing (exact lengths, logits at answers only), for DPO TRL's own
trainer where it is installed (the extra `bench`), and on a GPU FlashAttention-2 over packed sequences.

Models are Llamas with random weights (S: 6 x 256, M: 8 x 512, and larger shapes for a GPU). Tokens are those of a
byte-level BPE trained on the texts themselves: nothing is downloaded.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
import trie_gpu
import trie_trl
from trie_measure import CLOCKS, Row, measure
from trie_rivals import Texts, trie
from trie_works import SHAPES, Work, build, works


def rivals_of(work: Work, backend: str, device: str, dtype: torch.dtype) -> list[str]:
    """Whom to measure against; says whom not, and why."""
    names = [*work.rivals]
    if device.startswith("cuda"):
        names += [trie_gpu.FLASH, *(name for name, other in trie_gpu.TRIES.items() if other != backend)]
    kept = []
    for name in names:
        why = ""
        if name == trie_trl.NAME and importlib.util.find_spec("trl") is None:
            why = "not installed; pip install 'counterpoint[bench]'"
        elif name == trie_trl.NAME and dtype != torch.float32:
            why = "compared in float32"
        elif name in trie_gpu.METHODS:
            why = trie_gpu.skipped(name, device, dtype)
        if why:
            print(f"  skipped {name}: {why}")
        else:
            kept.append(name)
    return kept


def said(row: Row) -> str:
    """A row for people."""
    share = f"{row.ratio / row.token_limit:.0%} of the limit by tokens ({row.token_limit:.2f}), "
    share += f"{row.ratio / row.flop_limit:.0%} of that by operations ({row.flop_limit:.2f})"
    gradient = "" if row.max_gradient_difference is None else f", gradient {row.max_gradient_difference:.1e}"
    memory = "" if row.peak_memory_ratio is None else f"; peak memory {row.peak_memory_ratio:.2f}x"
    return (
        f"  {row.ratio:5.2f}x [{row.ratio_low:.2f}, {row.ratio_high:.2f}] against {row.rival}: {share}; "
        f"differ by {row.max_logprob_difference:.1e} nats{gradient}{memory}"
    )


def load() -> str:
    """How busy the machine is with other things, where that can be known."""
    with contextlib.suppress(OSError, AttributeError):
        return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return "load unknown"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="crossroads", help="a VCD file, or a built-in data set")
    parser.add_argument("--json", type=Path, help="where to write the list of results")
    parser.add_argument("--quick", action="store_true", help="fewer dilemmas and rounds: under ten minutes on 2 cores")
    parser.add_argument("--work", default="", help="only works whose name contains this")
    parser.add_argument("--models", default="S,M", help=f"shapes: {', '.join(SHAPES)}; all works run on the first")
    parser.add_argument("--backend", help="the trie's back end (segments, and flex on CUDA)")
    parser.add_argument("--rounds", type=int, help="timed rounds (7, or 3 with --quick)")
    parser.add_argument("--dilemmas", type=int, help="dilemmas a work (9, or 3 with --quick)")
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--clock", default="wall", choices=[*CLOCKS], help="cpu: this process's own time, for a busy machine"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    options = parser.parse_args()
    if options.clock == "cpu" and (options.threads > 1 or options.device != "cpu"):
        parser.error("--clock cpu adds up threads and knows no GPU: it needs --threads 1 and --device cpu")
    return options


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    started = time.perf_counter()
    torch.set_num_threads(options.threads)
    dtype = getattr(torch, options.dtype)
    backend = options.backend or ("flex" if options.device.startswith("cuda") else "segments")
    texts = Texts(options.data, options.vocabulary)
    rows: list[Row] = []
    where = f"torch {torch.__version__}, {platform.machine()}, {options.threads} threads, {load()}"
    print(f"{options.data}, {where}, {options.clock} time")
    for work in works(texts, options.dilemmas or (3 if options.quick else 9), options.models.split(",")):
        if options.work not in work.name:
            continue
        lengths = sorted(len(branch.tokens) for example in work.examples for branch in example)
        median = lengths[len(lengths) // 2]
        print(f"{work.name} ({work.model}): {len(lengths)} sequences, median {median} tokens, {load()}", flush=True)
        rivals = rivals_of(work, backend, options.device, dtype)
        model = build(work, texts.tokenizer.get_vocab_size(), options.device, dtype)
        rounds = options.rounds or (3 if options.quick else 7)
        ours = partial(trie, backend=backend)
        clock = CLOCKS[options.clock]
        for row in measure(work, model, ours, rivals, tokenizer=texts.tokenizer, rounds=rounds, clock=clock):
            print(said(row), flush=True)
            rows.append(row)
        del model
        if options.json:  # after every work, so that a stopped run leaves what it measured
            options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
    sys.exit(0)
