"""POST /v1/chat/completions, whole or as a stream of server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from counterpoint.errors import CounterpointError
from counterpoint.models.decoding import Decoding
from counterpoint.serving.chat.backend import Order, Piece
from counterpoint.serving.chat.chat import Fitted, Wish, extension
from counterpoint.serving.doors.errors import ApiError, documented, error_body
from counterpoint.serving.doors.keys import caller
from counterpoint.serving.doors.logs import LOGGER, traced
from counterpoint.serving.routes.completion import (
    ChatRequest,
    Completion,
    ReplyChoice,
    ReplyMessage,
    chunk,
    delta,
    usage,
)
from counterpoint.serving.routes.fields import Talker
from counterpoint.serving.service import Served, Service
from counterpoint.serving.settings import Settings
from counterpoint.serving.store.records import Principal, Scope

router = APIRouter(tags=["chat"])
logger = logging.getLogger(LOGGER)
EVENTS = "text/event-stream"
DEFAULT_NEW_TOKENS = 256
"""Tokens of a reply at most where a request doesn't say; never more than the operator allows."""


@router.post(
    "/v1/chat/completions",
    response_model=Completion,
    responses={
        200: {"content": {EVENTS: {}}, "description": "Replies; server-sent events of chunks if a stream is asked for"},
        **documented(404, 502),
    },
)
async def chat_completions(asked: ChatRequest, who: Talker, request: Request, service: Served) -> Response:
    """Answer a conversation as fits the person named in `user`."""
    extra = asked.counterpoint
    wish = Wish(extra.method, extra.strength, extra.both_sides, extra.explain)
    if wish.explain and asked.user is not None:
        caller(request, Scope.READ)
    decoding = _decoding(asked, service.settings)
    fitted = await run_in_threadpool(service.chat.fit, who, asked.user, asked.model, wish)
    messages = tuple(turn.message() for turn in asked.messages)
    choices, seed = asked.n or 1, None if asked.seed is None else asked.seed % (1 << 62)
    order = Order(asked.model, messages, fitted.steering, fitted.method, decoding, seed, choices)
    answer = _Answer(service, who, asked, order, extension(fitted, wish), fitted)
    if asked.stream:
        return await answer.streamed()
    return await _unless_gone(request, answer.whole())


def _decoding(asked: ChatRequest, settings: Settings) -> Decoding:
    most = asked.max_completion_tokens or asked.max_tokens or min(DEFAULT_NEW_TOKENS, settings.max_new_tokens)
    if most > settings.max_new_tokens:
        raise ApiError(400, "too_many_tokens", f"at most {settings.max_new_tokens} tokens a reply", param="max_tokens")
    if (asked.n or 1) > settings.max_choices:
        raise ApiError(400, "too_many_choices", f"n is at most {settings.max_choices}", param="n")
    temperature = 1.0 if asked.temperature is None else asked.temperature
    return Decoding(temperature, 1.0 if asked.top_p is None else asked.top_p, most, asked.stops)


class _Answer:
    """One request's answer on its way."""

    def __init__(
        self, service: Service, who: Principal, asked: ChatRequest, order: Order, told: dict[str, Any], fitted: Fitted
    ) -> None:
        self.service, self.who, self.asked, self.order, self.told = service, who, asked, order, told
        self.fitted = fitted
        self.name, self.created = f"chatcmpl-{who.request}", int(time.time())
        self.texts: list[list[str]] = [[] for _ in range(order.choices)]
        self.ends: list[Piece] = []

    async def whole(self) -> Response:
        """All replies, when they are done."""
        async with aclosing(self._pieces()) as pieces:
            async for _ in pieces:
                pass
        await self._log()
        ends = {piece.index: piece.finish or "stop" for piece in self.ends}
        choices = [
            ReplyChoice(index=i, message=ReplyMessage(content="".join(text)), finish_reason=ends[i])
            for i, text in enumerate(self.texts)
        ]
        completion = Completion(
            id=self.name,
            created=self.created,
            model=self.order.model,
            choices=choices,
            usage=usage(self.ends),
            counterpoint=self.told,
        )
        return JSONResponse(completion.model_dump())

    async def streamed(self) -> Response:
        """A stream, begun only once the first piece is there: a refusal before that has its own status."""
        pieces = self._pieces()
        try:
            first = await anext(pieces)
        except BaseException:
            await pieces.aclose()
            raise
        return StreamingResponse(self._events(first, pieces), media_type=EVENTS, headers={"x-accel-buffering": "no"})

    async def _events(self, first: Piece, pieces: AsyncGenerator[Piece, None]) -> AsyncIterator[str]:
        try:
            for index in range(self.order.choices):
                more = {"counterpoint": self.told} if index == 0 else {}
                yield self._event([delta(index, role="assistant", content="")], **more)
            piece: Piece | None = first
            while piece is not None:
                if piece.text:
                    yield self._event([delta(piece.index, content=piece.text)])
                if piece.finish is not None:
                    yield self._event([delta(piece.index, finish=piece.finish)])
                piece = await anext(pieces, None)
            if self.asked.stream_options and self.asked.stream_options.include_usage:
                yield self._event([], usage=usage(self.ends).model_dump())
            await self._log()
            yield "data: [DONE]\n\n"
        except ApiError as error:
            yield f"data: {json.dumps(error.body())}\n\n"
        except Exception as error:
            fields = {"request": self.who.request, **traced(error)}
            logger.error("stream failed", extra={"fields": fields})
            yield f"data: {json.dumps(error_body(500, 'internal_error', 'a fault of ours'))}\n\n"
        finally:
            await pieces.aclose()

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> str:
        return f"data: {json.dumps(chunk(self.name, self.order.model, self.created, choices, **more))}\n\n"

    async def _pieces(self) -> AsyncGenerator[Piece, None]:
        """The back end's, kept for what comes after; cut short when they take too long."""
        seconds = self.service.settings.timeout
        until = time.monotonic() + seconds
        async with aclosing(self.service.chat.write(self.order)) as pieces:
            while True:
                # A limit on each piece, not on all: different tasks may ask for them. Not `wait_for`, which before
                # Python 3.12 swallows a cancellation that comes together with a piece: the reply went on for nobody.
                try:
                    async with asyncio.timeout(until - time.monotonic()):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise ApiError(504, "timeout", f"not done after {seconds:g} s") from None
                self.texts[piece.index].append(piece.text)
                if piece.finish is not None:
                    self.ends.append(piece)
                yield piece

    async def _log(self) -> None:
        """Keep prompt and replies, where the operator asked for that and somebody known was answered."""
        if not (self.service.settings.log_prompts and self.fitted.known and self.asked.user):
            return
        content = {
            "messages": [{"role": turn.role, "content": turn.content} for turn in self.order.messages],
            "replies": ["".join(text) for text in self.texts],
            "model": self.order.model,
            "method": self.order.method,
        }
        with suppress(CounterpointError):  # deleted in the meantime: then there is nothing to keep
            await run_in_threadpool(self.service.people.log_prompt, self.who, self.asked.user, content)


async def _unless_gone(request: Request, answer: Any) -> Response:
    """The answer, unless the client goes first: then the work is stopped."""
    working = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            return Response(status_code=499)
        response: Response = working.result()
        return response
    finally:
        working.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
