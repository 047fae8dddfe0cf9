"""Log-probabilities of edges from hidden states, a few rows of the vocabulary projection at a time.

Logits of every answer position at once are often the largest tensor of a step. Here they exist for one chunk at a time.
Forward keeps them when they are small (recomputing them would cost a third of the head's time) and otherwise backward
computes them again. Log-softmax is in float32 whatever the model's dtype: in bfloat16 its sum over a large vocabulary
loses a tenth of a nat.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

CHUNK = 1 << 22
"""Logits computed at a time (16 MB in float32)."""

KEEP = 1 << 25
"""Logits kept for backward at most (128 MB in float32); with more, none are."""


def edge_log_probs(
    hidden: Tensor,
    head: nn.Module,
    rows: Tensor,
    tokens: Tensor,
    *,
    softcap: float | None = None,
    chunk: int = CHUNK,
    keep: int = KEEP,
) -> Tensor:
    """Log-probability of every edge.

    Args:
        hidden: `[row, dim]`, the predictors' last hidden states.
        head: the output embedding, `[..., dim] -> [..., vocabulary]`.
        rows: `[edge]`, which row predicts it, ascending.
        tokens: `[edge]`.
        softcap: logits become `softcap * tanh(logits / softcap)` (Gemma 2).
        chunk, keep: numbers of logits computed at a time and kept for backward.

    Returns:
        `[edge]`, nats, float32 (float64 for a float64 model).
    """
    vocabulary = _vocabulary(head)
    size = max(1, chunk // vocabulary)
    bounds = list(range(0, len(hidden), size))
    cuts = torch.searchsorted(rows, torch.tensor([*bounds, len(hidden)], device=rows.device)).tolist()
    slices = [(a, a + size, lo, hi) for a, lo, hi in zip(bounds, cuts, cuts[1:], strict=False)]
    if softcap is None and type(head) is nn.Linear and getattr(head, "bias", None) is None:
        kept = len(hidden) * vocabulary <= keep
        out: Tensor = _Projection.apply(hidden, head.weight, rows, tokens, slices, kept)  # type: ignore[no-untyped-call]
        return out
    parts = []
    for a, b, lo, hi in slices:
        arguments = (hidden[a:b], head, rows[lo:hi] - a, tokens[lo:hi], softcap)
        if torch.is_grad_enabled() and len(slices) > 1:
            parts.append(checkpoint(_by_module, *arguments, use_reentrant=False))
        else:
            parts.append(_by_module(*arguments))
    return torch.cat(parts)


def _by_module(hidden: Tensor, head: nn.Module, rows: Tensor, tokens: Tensor, softcap: float | None) -> Tensor:
    """The plain definition, for heads with adapters, biases, quantised weights or a soft cap."""
    logits = _wide(head(hidden))
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    return logits[rows, tokens] - logits.logsumexp(-1)[rows]


class _Projection(torch.autograd.Function):
    """`logits[row, token] - logsumexp(logits[row])` with `logits = hidden @ weight.T`, chunk by chunk."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        rows: Tensor,
        tokens: Tensor,
        slices: list[tuple[int, int, int, int]],
        kept: bool,
    ) -> Tensor:
        out = torch.empty(len(rows), dtype=_wide(hidden[:0]).dtype, device=hidden.device)
        logits_of, lse_of = [], []
        for a, b, lo, hi in slices:
            logits = _logits(hidden[a:b], weight)
            lse = logits.logsumexp(-1)
            out[lo:hi] = logits[rows[lo:hi] - a, tokens[lo:hi]] - lse[rows[lo:hi] - a]
            logits_of.append(logits if kept else logits[:0])
            lse_of.append(lse)
        if not any(ctx.needs_input_grad):
            return out
        ctx.save_for_backward(hidden, weight, rows, tokens, *lse_of, *logits_of)
        ctx.slices, ctx.kept = slices, kept
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        hidden, weight, rows, tokens, *saved = ctx.saved_tensors
        lse_of, logits_of = saved[: len(ctx.slices)], saved[len(ctx.slices) :]
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        d_hidden = torch.empty_like(hidden) if wants_hidden else None
        d_weight = torch.zeros_like(weight) if wants_weight else None
        for (a, b, lo, hi), lse, logits in zip(ctx.slices, lse_of, logits_of, strict=True):
            if not ctx.kept:
                logits = _logits(hidden[a:b], weight)
            row = rows[lo:hi] - a
            per_row = torch.zeros_like(lse).index_add_(0, row, grad[lo:hi])
            d_logits = torch.sub(logits, lse[:, None]).exp_().mul_(-per_row[:, None])
            d_logits.index_put_((row, tokens[lo:hi]), grad[lo:hi], accumulate=True)
            d_logits = d_logits.to(weight.dtype)
            if d_hidden is not None:
                d_hidden[a:b] = d_logits @ weight
            if d_weight is not None:
                d_weight.addmm_(d_logits.T, hidden[a:b].to(weight.dtype))
        return d_hidden, d_weight, None, None, None, None


def _logits(hidden: Tensor, weight: Tensor) -> Tensor:
    with torch.autocast(hidden.device.type, enabled=False):
        return _wide(F.linear(hidden.to(weight.dtype), weight))


def _wide(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def _vocabulary(head: nn.Module) -> int:
    features = getattr(head, "out_features", None)
    return int(features) if features is not None else 1 << 17
