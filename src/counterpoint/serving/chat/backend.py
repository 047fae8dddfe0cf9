"""The contract of what writes replies: an order in, pieces of text out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import Message
from counterpoint.steering.steering import Steering

Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Order:
    """One request for replies, all of its names known to be good."""

    model: str
    """One of the back end's models."""
    messages: tuple[Message, ...]
    """The conversation; the last turn is the user's."""
    steering: Steering
    """What to do about the person."""
    method: str
    """One of the back end's methods, or `base`."""
    decoding: Decoding
    """How tokens are drawn; the back end adds no limits of its own."""
    seed: int | None = None
    """Of the first reply; the others' follow from it. None: another one every time."""
    choices: int = 1
    """How many replies."""


@dataclass(frozen=True)
class Piece:
    """Something new about one of the replies."""

    index: int
    """Which reply, from 0."""
    text: str = ""
    """What it goes on with."""
    finish: Finish | None = None
    """Why it has ended, on its last piece."""
    read: int = 0
    """Tokens of the prompt, on its last piece."""
    written: int = 0
    """Tokens of the reply, on its last piece."""


class Backend(Protocol):
    """Writes replies. Its methods run on the event loop."""

    @property
    def models(self) -> Sequence[str]:
        """Names of what can write here."""
        ...

    @property
    def methods(self) -> Sequence[str]:
        """Names of the steering methods that work here, `base` aside, the default first."""
        ...

    def write(self, order: Order) -> AsyncGenerator[Piece, None]:
        """Pieces as they come, until every reply has its last. Closing the iterator stops the work.

        Raises:
            ApiError: 400 for what can't be asked of this model, 502 to 504 where it can't answer.
        """
        ...

    async def ready(self) -> None:
        """Raises `ApiError` (503) if it could not answer now."""
        ...

    async def close(self) -> None:
        """Stop; orders under way have ended before."""
        ...
