"""A batch that requests join and leave between steps: what a serving process runs in a thread of its own.

session = engine.session()
while serving:
    for request in arrived(wait=not session.active):
        session.add(request, on_text=..., on_done=...)
    session.step()
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from counterpoint.errors import CounterpointError
from counterpoint.models.sampling import pick
from counterpoint.steering.asking import Reply, Request
from counterpoint.steering.block import Alone, Block, Flight, OnDone, groups
from counterpoint.steering.composing import Choice, chooser
from counterpoint.steering.ties import rounding, unsure

if TYPE_CHECKING:
    from counterpoint.steering.engine import Engine

OnPiece = Callable[[str], None]
"""Told of one request's new text."""


class NotANumberError(CounterpointError, ArithmeticError):
    """A reply's logits are not numbers: the model's weights, or what was added to them, are out of range."""


class Session:
    """Requests on their way; made by `Engine.session`. For one thread; sessions of an engine take turns by its lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[Flight] = deque()
        self._blocks: list[Block] = []
        self._numbers = 0

    @property
    def active(self) -> int:
        """Replies that are not done; a request whose method draws candidates counts once for each."""
        return len(self._waiting) + sum(flight.row.finish is None for block in self._blocks for flight in block.flights)

    def add(self, request: Request, *, on_done: OnDone, on_text: OnPiece | None = None) -> int:
        """Let one more join before the next step; returns its number.

        Args:
            request: what is wanted.
            on_done: called from within `step` with the `Reply`, or with the exception that ended this request.
            on_text: called from within `step` with new text as it comes; where one of several candidates is kept, once.

        Raises:
            UnknownNameError: there is no such method.
            BadInputError: methods that don't compose; a prompt too long; steering of another taxonomy. Nothing joined.
        """
        number = self._numbers
        choice = chooser(self._engine, request)
        if choice is None:
            flights = [self._flight(request, number, on_done, on_text)]
        else:
            candidates = choice.method.spread(choice.spread)
            picking = _Picking(request, choice, len(candidates), on_text, on_done, partial(self.cancel, number))
            flights = [
                self._flight(candidate, number, partial(picking.take, i)) for i, candidate in enumerate(candidates)
            ]
        self._numbers += 1
        self._waiting.extend(flights)
        return number

    def _flight(self, request: Request, number: int, on_done: OnDone, on_text: OnPiece | None = None) -> Flight:
        return self._engine.flight(request, self._engine.draft(request), number, on_done, on_text)

    def cancel(self, number: int) -> None:
        """Forget a request; nothing more is called for it. Of one that is done already nothing is known."""
        self._waiting = deque(flight for flight in self._waiting if flight.number != number)
        for block in self._blocks:
            for flight in block.flights:
                if flight.number == number:
                    flight.row.finish = flight.row.finish or "length"  # leaves with the next step
                    flight.row.on_text, flight.on_done = None, _ignore

    def step(self) -> int:
        """One more token for every reply on its way; returns how many are left."""
        engine = self._engine
        with engine.lock, torch.no_grad(), engine.evaluation():
            try:
                for block in self._blocks:
                    block.keep([flight for flight in block.flights if flight.row.finish is None])
                self._blocks = [block for block in self._blocks if block.flights]
                self._admit()
                for block in self._blocks:
                    self._advance(block)
            except BaseException:  # an interrupt may leave a cache half written
                self._waiting.clear()
                self._blocks.clear()
                raise
            self._blocks = [block for block in self._blocks if block.flights]
        return self.active

    def _admit(self) -> None:
        """Let waiting replies in where there is room; many at a time, since their prompts are read together."""
        limits = self._engine.limits
        longest = max((flight.length for block in self._blocks for flight in block.flights), default=0)
        rows = sum(block.rows for block in self._blocks)
        wanted = sum(len(flight.prompts) for flight in self._waiting)
        if self._blocks and limits.rows - rows < min(wanted, limits.rows // 4):
            return
        coming: list[Flight] = []
        while self._waiting:
            flight = self._waiting[0]
            rows, longest = rows + len(flight.prompts), max(longest, flight.length)
            if (rows > limits.rows or rows * longest > limits.tokens) and (coming or self._blocks):
                break
            coming.append(self._waiting.popleft())
        for group in groups(coming):
            try:
                block = Block(self._engine.generator, self._engine.levers, group)
            except Exception as error:
                for flight in group:
                    flight.on_done(error)
                continue
            if not (self._blocks and self._blocks[-1].join(block)):
                self._blocks.append(block)

    def _advance(self, block: Block) -> None:
        """One token for every reply of a block; those that end leave."""
        flights = list(block.flights)
        try:
            logits, found = block.step([len(flight.row.tokens) for flight in flights])
            tokens = self._tokens(flights, logits, found)
        except Exception as error:
            for flight in flights:
                flight.on_done(error)
            block.keep([])
            return
        staying = []
        for flight, token in zip(flights, tokens, strict=True):
            try:
                if token is None:
                    raise NotANumberError("the logits are not numbers: weights or steering are out of range")
                flight.row.take(token, ends=token in self._engine.generator.stop_tokens)
                if flight.row.finish is None:
                    staying.append(flight)
                else:
                    flight.on_done(flight.reply())
            except Exception as error:
                flight.on_done(error)
        block.keep([flight for flight in staying if flight.row.finish is None])

    def _tokens(self, flights: Sequence[Flight], logits: Tensor, found: Tensor) -> list[int | None]:
        """The next token of every reply, None where its logits are no numbers; near ties are decided alone."""
        engine = self._engine
        draws = torch.tensor([flight.row.draws() for flight in flights], dtype=torch.float64)
        errors = rounding(logits, engine.dtype) * torch.tensor([sum(map(abs, f.weights)) for f in flights])
        tokens: list[int | None] = [None] * len(flights)
        numbers = found.amax(-1).isfinite().tolist()
        engine.counts.tokens += len(flights)
        for decoding in {flight.row.decoding for flight in flights}:
            own = [i for i, f in enumerate(flights) if numbers[i] and f.row.decoding == decoding]
            if not own:
                continue
            picked = pick(found[own], draws[own], decoding).tolist()
            near = [False] * len(own)
            if engine.exact and len(flights) > 1:
                near = unsure(found[own], draws[own], decoding, errors[own].to(found.device)).tolist()
            for i, token, tie in zip(own, picked, near, strict=True):
                tokens[i] = int(pick(self._alone(flights[i]), draws[[i]], decoding)) if tie else token
        return tokens

    def _alone(self, flight: Flight) -> Tensor:
        """`[1, vocabulary]`, computed without neighbours."""
        self._engine.counts.alone += 1
        if flight.alone is None:
            flight.alone = Alone(self._engine.generator, self._engine.levers, flight)
        return flight.alone.logits(flight)


class _Picking:
    """Collects a request's candidates and keeps one."""

    def __init__(
        self,
        request: Request,
        choice: Choice,
        count: int,
        on_text: OnPiece | None,
        on_done: OnDone,
        cancel: Callable[[], None],
    ) -> None:
        self._request, self._choice = request, choice
        self._on_text, self._on_done, self._cancel = on_text, on_done, cancel
        self._replies: list[Reply | None] = [None] * count

    def take(self, place: int, reply: Reply | Exception) -> None:
        """One candidate more, or what ended it, which ends all."""
        if isinstance(reply, Exception):
            self._cancel()
            self._on_done(reply)
            return
        self._replies[place] = reply
        replies = [one for one in self._replies if one is not None]
        if len(replies) == len(self._replies):
            chosen = self._choice.method.choose(self._choice.choose, replies)
            others = tuple(one.text for i, one in enumerate(replies) if i != chosen)
            kept = replace(replies[chosen], steering=self._request.steering, method=self._request.method, others=others)
            if self._on_text:
                self._on_text(kept.text)
            self._on_done(kept)


def _ignore(_: Reply | Exception) -> None:
    """What a cancelled request is told."""
