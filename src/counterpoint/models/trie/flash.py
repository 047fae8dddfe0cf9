"""Tree attention by torch's fused CPU kernel: spans forward, their parts joined; the same spans backward.

The kernel returns each part's output and log-sum-exp. Parts of one query are joined by weighting with
`exp(lse_part - lse)`. Backward, the kernel recomputes probabilities as `exp(score - lse)`, so that giving it the joined
output and the joined log-sum-exp yields exactly the part's share of the gradients (the same fact ring attention uses:
Liu et al. 2023, arXiv 2310.01889).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

HIDDEN = -1e30
"""Added to scores that must not count. Finite: a part of which a query sees nothing joins with weight 0, not NaN."""


class Piece(NamedTuple):
    """Queries `[q0, q1)` against keys `[k0, k1)` under an additive mask `[query, key]`, or none."""

    q0: int
    q1: int
    k0: int
    k1: int
    mask: Tensor | None


def usable(query: Tensor) -> bool:
    """Whether the kernel exists here and takes such tensors."""
    has = hasattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu")
    return has and query.device.type == "cpu" and query.dtype in (torch.float32, torch.float64, torch.bfloat16)


def attend(query: Tensor, key: Tensor, value: Tensor, pieces: Sequence[Piece], scale: float) -> Tensor:
    """Attention of every query over its pieces.

    Args:
        query: `[1, head, node, dim]`.
        key, value: `[1, key head, node, dim]`; query heads share key heads in order.
        pieces: the first pieces cover every query once; masks are of the query's dtype.
        scale: factor of the dot products.

    Returns:
        `[1, head, node, dim]`, its memory laid out `[1, node, head, dim]`.
    """
    if key.shape[1] != query.shape[1] and not _shares_heads():
        key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], dim=1) for x in (key, value))
    out: Tensor = _TreeAttention.apply(query, key, value, pieces, scale)  # type: ignore[no-untyped-call]
    return out


class _TreeAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, pieces: Sequence[Piece], scale: float) -> Tensor:
        _, heads, nodes, dim = query.shape
        out = query.new_empty(1, nodes, heads, dim).transpose(1, 2)
        lse = torch.empty(1, heads, nodes, dtype=_lse_dtype(query))
        done = 0
        for q0, q1, k0, k1, mask in pieces:
            part, part_lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                query[:, :, q0:q1], key[:, :, k0:k1], value[:, :, k0:k1], 0.0, False, attn_mask=mask, scale=scale
            )
            if q0 >= done:  # the first piece of these queries
                out[:, :, q0:q1], lse[:, :, q0:q1] = part, part_lse
                done = q1
            else:
                _join(out[:, :, q0:q1], lse[:, :, q0:q1], part, part_lse)
        ctx.save_for_backward(query, key, value, out, lse)
        ctx.pieces, ctx.scale = pieces, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, lse = ctx.saved_tensors
        (grad,) = grads
        d_query, d_key, d_value = (torch.zeros_like(x) for x in (query, key, value))
        for q0, q1, k0, k1, mask in ctx.pieces:
            parts = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
                grad[:, :, q0:q1],
                query[:, :, q0:q1],
                key[:, :, k0:k1],
                value[:, :, k0:k1],
                out[:, :, q0:q1],
                lse[:, :, q0:q1],
                0.0,
                False,
                attn_mask=mask,
                scale=ctx.scale,
            )
            d_query[:, :, q0:q1] += parts[0]
            d_key[:, :, k0:k1] += parts[1]
            d_value[:, :, k0:k1] += parts[2]
        return d_query, d_key, d_value, None, None


def _join(out: Tensor, lse: Tensor, part: Tensor, part_lse: Tensor) -> None:
    """Take a further part into `out` `[1, head, query, dim]` and `lse` `[1, head, query]`, in place."""
    joined = torch.logaddexp(lse, part_lse)
    out.mul_((lse - joined).exp_().unsqueeze(-1).to(out.dtype))
    out.add_(part * (part_lse - joined).exp_().unsqueeze(-1).to(out.dtype))
    lse.copy_(joined)


def _lse_dtype(query: Tensor) -> torch.dtype:
    return torch.float64 if query.dtype == torch.float64 else torch.float32


@cache
def _shares_heads() -> bool:
    """Whether this torch's kernel lets query heads share key heads, forward and backward."""
    query, key = torch.randn(1, 2, 3, 4), torch.randn(1, 1, 3, 4)
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    try:
        shared, lse = kernel(query, key, key)
        grads = backward(query, query, key, key, shared, lse, 0.0, False)
    except RuntimeError:
        return False
    expected, _ = kernel(query, key.expand(1, 2, 3, 4), key.expand(1, 2, 3, 4))
    return bool(torch.allclose(shared, expected, atol=1e-6)) and grads[1].shape == key.shape
