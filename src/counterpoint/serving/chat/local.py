"""A language model in this process. One thread runs it; replies join and leave its batch between two tokens.

The event loop hands orders to the thread and gets pieces back; nothing is shared but two queues. A client that goes
takes its replies out of the batch before the next token.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from counterpoint.errors import CounterpointError
from counterpoint.serving.chat.backend import Order, Piece
from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.logs import LOGGER, traced
from counterpoint.serving.metrics import Metrics
from counterpoint.steering.asking import Conversation, Reply, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.session import Session

logger = logging.getLogger(LOGGER)
SEEDS = 1 << 62
"""Seeds are below this."""


@dataclass
class _Ticket:
    """One reply that is wanted, as the thread sees it."""

    request: Request
    tell: Callable[[Piece | BaseException], None]
    index: int
    number: int | None = None
    gone: threading.Event = field(default_factory=threading.Event)


class Local:
    """One `lm:` model behind the back ends' contract.

    Args:
        name: the model's name to clients.
        engine: the model; nobody else uses it.
        methods: steering methods that were opened on it, the default first.
        max_waiting: replies that may wait; more are refused with 503.
        max_rows: replies written together.
    """

    def __init__(
        self, name: str, engine: Engine, *, methods: Sequence[str], max_waiting: int, max_rows: int, metrics: Metrics
    ) -> None:
        self.models, self.methods = (name,), tuple(methods)
        self.engine, self.metrics = engine, metrics
        self.max_waiting, self.max_rows = max_waiting, max_rows
        self._arrived: queue.Queue[_Ticket | None] = queue.Queue()
        self._fault = False
        self._thread = threading.Thread(target=self._work, name=f"replies {name}", daemon=True)
        self._thread.start()

    async def write(self, order: Order) -> AsyncGenerator[Piece, None]:
        """Pieces as they come. Raises `ApiError`: 503 with too much waiting, 400 for what the model refuses."""
        if self._arrived.qsize() + order.choices > self.max_waiting:
            raise ApiError(
                503, "overloaded", "too many replies are waiting; try again soon", headers={"Retry-After": "1"}
            )
        pieces: asyncio.Queue[Piece | BaseException] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(piece: Piece | BaseException) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        seed = secrets.randbelow(SEEDS) if order.seed is None else order.seed
        tickets = [_Ticket(self._request(order, (seed + i) % SEEDS), tell, i) for i in range(order.choices)]
        try:
            for ticket in tickets:
                self._arrived.put(ticket)
            left = order.choices
            while left:
                piece = await pieces.get()
                if isinstance(piece, BaseException):
                    raise _refusal(piece) from piece
                left -= piece.finish is not None
                yield piece
        finally:
            for ticket in tickets:
                ticket.gone.set()

    async def ready(self) -> None:
        """Raises `ApiError` if the thread has died."""
        if not self._thread.is_alive():
            raise ApiError(503, "model_stopped", "the model has stopped; restart the service")

    async def close(self) -> None:
        """Let the thread end."""
        self._arrived.put(None)
        await asyncio.to_thread(self._thread.join, 10.0)

    def _request(self, order: Order, seed: int) -> Request:
        return Request(Conversation(order.messages), order.steering, order.method, order.decoding, seed)

    # In the thread

    def _work(self) -> None:
        session, held = self.engine.session(), list[_Ticket]()
        while True:
            if self._take_in(session, held):
                return
            for ticket in [ticket for ticket in held if ticket.gone.is_set()]:
                held.remove(ticket)
                if ticket.number is not None:
                    session.cancel(ticket.number)
            if held:
                try:
                    session.step()
                except Exception as error:
                    logger.error("step failed", extra={"fields": traced(error)})
                    for ticket in held:
                        ticket.tell(error)
                    session, held = self.engine.session(), []

    def _take_in(self, session: Session, held: list[_Ticket]) -> bool:
        """Let those that arrived join while there is room; wait for one if nothing is under way. True: stop."""
        while len(held) < self.max_rows:
            try:
                ticket = self._arrived.get(block=not held)
            except queue.Empty:
                break
            if ticket is None:
                return True
            if not ticket.gone.is_set():
                self._join(session, held, ticket)
        self.metrics.waiting(self._arrived.qsize())
        return False

    def _join(self, session: Session, held: list[_Ticket], ticket: _Ticket) -> None:
        def on_text(*told: object) -> None:
            ticket.tell(Piece(ticket.index, str(told[-1])))

        def on_done(*told: object) -> None:
            outcome = told[-1]
            if ticket in held:
                held.remove(ticket)
            if isinstance(outcome, Reply):
                written = len(outcome.tokens)
                ticket.tell(Piece(ticket.index, "", outcome.finish, outcome.prompt_tokens, written))
            elif isinstance(outcome, BaseException):
                ticket.tell(outcome)

        held.append(ticket)
        try:
            ticket.number = session.add(ticket.request, on_text=on_text, on_done=on_done)
        except Exception as error:
            held.remove(ticket)
            ticket.tell(error)


def _refusal(error: BaseException) -> ApiError:
    """A user's mistake is 400 with its message; anything else is a fault of ours, whose message may quote a prompt."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, CounterpointError):
        return ApiError(400, "unsupported_by_model", str(error))
    logger.error("reply failed", extra={"fields": traced(error)})
    return ApiError(500, "internal_error", "the model failed; the logs say where")
