"""The contract of a way to steer: one file each in `methods/`, with a module attribute `METHOD`.

A method is opened once on whatever answers (an `Engine` or an endpoint) and then used for every reply. Three kinds:

- `needs = "prompt"`: says something to the model. `draft` changes the question only; works with any endpoint.
- `needs = "model"`: `draft` may use all of the engine's levers: several rows of the model having a say in one reply,
  offsets to its residual stream, adapters. A method pulls levers, the engine does the work and undoes it.
- `needs = "candidates"`: `spread` turns a request into several, which are answered together; `choose` keeps one.

Steering reaches a method in its own units: a `Dial` comes between. A method is never called with steering that does
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from counterpoint.registry import Registry
from counterpoint.steering.asking import Ask, OnText, Reply, Request
from counterpoint.steering.steering import Steering
from counterpoint.types import Pole, Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Needs = Literal["prompt", "model", "candidates"]


@dataclass(frozen=True)
class Voice:
    """One row of the model that has a say in a reply: the question put to somebody, and the weight of its logits."""

    who: Pole | None
    weight: float


@dataclass(frozen=True)
class Draft:
    """How one reply will be generated: what the methods have changed so far. It begins as the base's."""

    ask: Ask
    voices: tuple[Voice, ...] = ()
    """Their logits are summed by weight (`mixing.py`); none: the question's own `who`, at weight 1."""
    offsets: Mapping[int, Tensor] = field(default_factory=dict)
    """Layer to `[dim]`: added to the residual stream after it, from the prompt's last token on."""
    erased: Mapping[int, Tensor] = field(default_factory=dict)
    """Layer to `[dim]`, of length 1: what the stream loses there before anything is added; only beside an offset."""
    adapters: Mapping[str, float] = field(default_factory=dict)
    """Adapter to weight: how much of each is added to the model's weights, while reading and writing."""


class Answerer(Protocol):
    """What gives replies: an engine or an endpoint."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Its pairs are the axes of every `Steering`."""
        ...

    def answer(self, requests: Sequence[Request], *, on_text: OnText | None = None) -> list[Reply]:
        """A reply to every request, in the order given."""
        ...


@runtime_checkable
class Drafting(Protocol):
    """An opened method that needs a prompt or a model."""

    def draft(self, draft: Draft, steering: Steering) -> Draft:
        """The draft with this method's part in it; a pure function."""
        ...


@runtime_checkable
class Choosing(Protocol):
    """An opened method that needs candidates."""

    def spread(self, request: Request) -> tuple[Request, ...]:
        """One request a candidate, none of them by a method that needs candidates; with seeds of their own.

        `request.method` names the methods applied besides this one, `base` where there are none.
        """
        ...

    def choose(self, request: Request, replies: Sequence[Reply]) -> int:
        """Which of the candidates is kept; `replies` in the order of `spread`."""
        ...

    def chances(self, request: Request, replies: Sequence[Reply]) -> NDArray[np.float64]:
        """With what probability each of them is kept, `[candidate]`: what `choose` draws from."""
        ...


class Method(Protocol):
    """A way to steer. Stateless."""

    @property
    def needs(self) -> Needs:
        """What it must have: see the module."""
        ...

    @property
    def composes_with(self) -> frozenset[str]:
        """Methods that may be applied together with it in one reply (`"instruction+mixture"`); both must say so."""
        ...

    def open(self, host: Answerer, material: Any = None) -> Drafting | Choosing:
        """Ready for use on `host`, an `Engine` where it needs a model.

        Args:
            host: what will answer.
            material: what the method was given or trained: its file says what that is. None where it has nothing.

        Raises:
            BadInputError: the material is missing or of another model; the message says how to make it.
            NoEffectError: the method could not change anything on this model.
        """
        ...


class Dial(Protocol):
    """From calibrated strengths to one method's own units on one model."""

    def __call__(self, steering: Steering) -> Steering:
        """The same leanings in the method's units; zero stays zero."""
        ...


METHODS: Registry[Method] = Registry("steering method", "counterpoint.steering.methods", "METHOD")
