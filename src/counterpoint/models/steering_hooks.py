"""Reading and changing a model's residual stream after one of its layers, undone on the way out.

Layers count from 0; the residual stream after layer l is what layer l + 1 reads. Hooks are torch's forward hooks on the
decoder's layers: weights, buffers and settings stay as they are, so that afterwards the model is bit-identical, also
where something was raised inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from counterpoint.errors import BadInputError, CounterpointError
from counterpoint.models.trie.anatomy import anatomy


class NoEffectError(CounterpointError, RuntimeError):
    """A change of the residual stream that could not have changed anything."""


def layers_of(model: Any) -> nn.ModuleList:
    """The decoder's layers, first to last.

    Raises:
        UnsupportedModelError: this is no causal language model of transformers.
        BadInputError: its decoder keeps its layers elsewhere.
    """
    decoder = anatomy(model).decoder
    for name in ("layers", "h", "blocks"):
        found = getattr(decoder, name, None)
        if isinstance(found, nn.ModuleList):
            return found
    raise BadInputError(f"{type(decoder).__name__} has no list of layers that is known to us (layers, h, blocks)")


@contextmanager
def add_to_residual(model: Any, layer: int, offset: Tensor, erased: Tensor | None = None) -> Iterator[None]:
    """Within it, `offset` is added to the residual stream after `layer`, in every forward pass.

    Args:
        model: a causal language model of transformers, perhaps wrapped by peft.
        layer: 0 to the number of layers less one.
        offset: broadcast to the stream, `[batch, token, dim]`.
        erased: of the same shape, each vector of length 1 or 0: what the stream has along it is taken out first
            (directional ablation; Arditi et al. 2024, arXiv 2406.11717).

    Raises:
        BadInputError: there is no such layer, or the offset doesn't fit, isn't finite or is zero: it would change
            nothing.
        NoEffectError: at the end, if nothing went through the layer meanwhile.
    """
    module = _layer(model, layer)
    width = anatomy(model).config.hidden_size
    if offset.shape[-1:] != (width,):
        raise BadInputError(f"an offset of shape {tuple(offset.shape)} doesn't fit a residual stream of width {width}")
    if not bool(offset.isfinite().all()):
        raise BadInputError(f"the offset for layer {layer} is not finite")
    if not bool(offset.any()):
        raise BadInputError(
            f"the offset for layer {layer} is zero and would change nothing; leave steering out instead"
        )
    passes = 0

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        nonlocal passes
        passes += 1
        stream = _stream(output)
        moved = offset.to(stream)
        fits = all(own in (1, whole) for own, whole in zip(moved.shape[::-1], stream.shape[::-1], strict=False))
        if not fits or moved.dim() > stream.dim():
            raise BadInputError(
                f"an offset of shape {tuple(offset.shape)} doesn't fit a stream of {tuple(stream.shape)}"
            )
        if erased is not None:
            along = erased.to(stream)
            stream = stream - (stream * along).sum(-1, keepdim=True) * along
        return (stream + moved, *output[1:]) if isinstance(output, tuple) else stream + moved

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
    if not passes:
        raise NoEffectError(f"nothing went through layer {layer} while it was to be changed")


@contextmanager
def read_residual(model: Any, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """Within it, the residual streams after these layers in the latest forward pass: layer to `[batch, token, dim]`."""
    seen: dict[int, Tensor] = {}

    def reader(layer: int) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            seen[layer] = _stream(output).detach()

        return hook

    with ExitStack() as stack:
        for layer in layers:
            handle = _layer(model, layer).register_forward_hook(reader(layer))
            stack.callback(handle.remove)
        yield seen


def _layer(model: Any, layer: int) -> nn.Module:
    found = layers_of(model)
    if not 0 <= layer < len(found):
        raise BadInputError(f"layer {layer}: the model has layers 0 to {len(found) - 1}")
    return found[layer]


def _stream(output: Any) -> Tensor:
    stream: Tensor = output[0] if isinstance(output, tuple) else output
    return stream
