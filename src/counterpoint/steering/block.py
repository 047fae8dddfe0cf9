"""Replies on their way that are computed together: rows of the model beside each other, one token each a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from counterpoint.models.generation import Generator, ReplyRow
from counterpoint.models.row_cache import Prompt, SeparateRows, SharedRows
from counterpoint.steering.asking import BASE, Reply, Request
from counterpoint.steering.levers import Levers
from counterpoint.steering.method import Draft
from counterpoint.steering.mixing import mixed

OnDone = Callable[[Reply | Exception], None]
"""Told what came of a request, or what ended it."""


@dataclass(eq=False)
class Flight:
    """One reply on its way."""

    number: int
    """Of the request that it belongs to."""
    request: Request
    draft: Draft
    prompts: tuple[Prompt, ...]
    """Of its voices: one row of the model each."""
    row: ReplyRow
    """What it has said, where it stops, and its random numbers."""
    on_done: OnDone
    alone: Alone | None = None
    """It computed without neighbours, as far as that was needed."""

    @property
    def weights(self) -> tuple[float, ...]:
        """Of its voices' logits."""
        return tuple(voice.weight for voice in self.draft.voices)

    @property
    def length(self) -> int:
        """Tokens of its longest row at most."""
        return max(map(len, self.prompts)) + self.row.limit

    def reply(self) -> Reply:
        """What came of it."""
        said = self.row.reply()
        method = "+".join(self.request.methods) or BASE
        return Reply(said.text, said.finish, self.request.steering, method, said.tokens, len(self.prompts[0]))

    def feed(self, place: int) -> list[int]:
        """The tokens that its rows read at the step of that number: the prompts' last, then those it has said."""
        if place == 0:
            return [prompt[-1] for prompt in self.prompts]
        return [self.row.tokens[place - 1]] * len(self.prompts)


class Block:
    """Some replies' rows in one state. Making one reads all prompts, those of one mix of adapters together."""

    def __init__(self, generator: Generator, levers: Levers, flights: Sequence[Flight]) -> None:
        self.levers, self.flights = levers, list(flights)
        mix = flights[0].draft
        with levers.reading(mix):
            self.state: SharedRows | SeparateRows = generator.start([p for flight in flights for p in flight.prompts])

    @property
    def rows(self) -> int:
        """Rows of the model."""
        return sum(len(flight.prompts) for flight in self.flights)

    def step(self, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Read every reply's token of its place; logits of the rows `[row, vocabulary]` and replies `[reply, …]`."""
        tokens = [t for flight, place in zip(self.flights, places, strict=True) for t in flight.feed(place)]
        drafts = [flight.draft for flight in self.flights for _ in flight.prompts]
        logits = self.state.step(torch.tensor(tokens), lambda rows: self.levers.writing([drafts[i] for i in rows]))
        return logits, mixed(logits, [flight.weights for flight in self.flights])

    def keep(self, flights: Sequence[Flight]) -> None:
        """Forget all replies but these."""
        kept = [flight in flights for flight in self.flights for _ in flight.prompts]
        self.flights = [flight for flight in self.flights if flight in flights]
        if self.flights and not all(kept):
            self.state.keep([row for row, stays in enumerate(kept) if stays])

    def join(self, other: Block) -> bool:
        """Take another block's replies, where both kinds of rows are one; that block is not to be used any more."""
        match self.state, other.state:
            case SharedRows() as mine, SharedRows() as its:
                mine.join(its)
            case SeparateRows() as mine, SeparateRows() as its:
                mine.join(its)
            case _:
                return False
        self.flights += other.flights
        return True


class Alone:
    """One reply computed without neighbours, up to where it was last asked for."""

    def __init__(self, generator: Generator, levers: Levers, flight: Flight) -> None:
        self._block = Block(generator, levers, [flight])
        self._place = 0

    def logits(self, flight: Flight) -> Tensor:
        """Of the token after all that it has said, `[1, vocabulary]`; the very numbers of a batch of one."""
        while self._place <= len(flight.row.tokens):
            _, found = self._block.step([self._place])
            self._place += 1
        return found


def groups(flights: Sequence[Flight]) -> list[list[Flight]]:
    """Replies whose prompts may be read in one pass: those of one mix of adapters."""
    by_mix: dict[tuple[tuple[str, float], ...], list[Flight]] = {}
    for flight in flights:
        by_mix.setdefault(tuple(sorted(flight.draft.adapters.items())), []).append(flight)
    return list(by_mix.values())
