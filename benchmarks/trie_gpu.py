"""What is measured on a GPU besides: FlashAttention-2 over packed sequences as a rival, and the trie's other back ends.

Random weights in bfloat16: `--device cuda --dtype bfloat16 --models 0.5B,3B`. Written without a GPU at hand: packing is
tested on a CPU under sdpa, the compiled kernels were not run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from trie_rivals import Method, Scores, log_softmax, trie

from counterpoint.models.trie import Branch
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.attention import plain_attention

FLASH = "FlashAttention-2, packed"
TRIES = {f"trie: {name}": name for name in ("segments", "dense", "flex")}


def packed(model: Any, branches: Sequence[Branch], *, attention: str = "flash_attention_2") -> Scores:
    """All branches end to end in one row, nothing shared, nothing padded, logits at answers only.

    The variable-length kernel is told where each begins; under another `attention` transformers sees it by positions.
    """
    parts = anatomy(model)
    lengths = [len(branch.tokens) - 1 for branch in branches]
    bounds = [0, *accumulate(lengths)]
    ids = torch.tensor([token for branch in branches for token in branch.tokens[:-1]], device=parts.device)
    at = torch.tensor(bounds, dtype=torch.int32, device=parts.device)
    kernel = {"cu_seq_lens_q": at, "cu_seq_lens_k": at, "max_length_q": max(lengths), "max_length_k": max(lengths)}
    with plain_attention(parts.config, attention):
        states = parts.decoder(
            input_ids=ids[None],
            position_ids=torch.cat([torch.arange(n, device=parts.device) for n in lengths])[None],
            use_cache=False,
            **(kernel if attention == "flash_attention_2" else {}),
        ).last_hidden_state[0]
    scores = []
    for branch, start in zip(branches, bounds, strict=False):
        predictors = states[start + branch.start - 1 : start + len(branch.tokens) - 1]
        said = torch.tensor(branch.tokens[branch.start :], device=parts.device)
        scores.append(log_softmax(parts.head(predictors)).gather(1, said[:, None])[:, 0])
    return scores


METHODS: dict[str, Method] = {FLASH: packed, **{name: partial(trie, backend=end) for name, end in TRIES.items()}}


def skipped(name: str, device: str, dtype: torch.dtype) -> str:
    """Why this can't be measured here, or the empty string."""
    if not device.startswith("cuda") or not torch.cuda.is_available():
        return "needs CUDA"
    if name == FLASH and importlib.util.find_spec("flash_attn") is None:
        return "the package flash-attn is not installed"
    if name == FLASH and dtype != torch.bfloat16:
        return f"runs in bfloat16, not in {str(dtype).removeprefix('torch.')}"
    if name == "trie: flex" and importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    return ""
