"""Any OpenAI-compatible endpoint: the person's instruction goes into the conversation, or an adapter is named as model.

Where it is comes from the operator's settings alone; no request can name a URL. A person's name is never sent on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import httpx
import openai
from openai.types.chat import ChatCompletionChunk

from counterpoint.errors import BadInputError
from counterpoint.serving.chat.backend import Finish, Order, Piece
from counterpoint.serving.doors.errors import ApiError
from counterpoint.steering.asking import BASE, Conversation, Message, OnText, Reply, Request, with_note
from counterpoint.steering.method import METHODS, Draft, Drafting
from counterpoint.types import Taxonomy

_FINISH: dict[str | None, Finish] = {"stop": "stop", "length": "length", None: "stop"}


class _Host:
    """What prompt methods are opened on: they only ask for the taxonomy."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy

    def answer(self, requests: Sequence[Request], *, on_text: OnText | None = None) -> list[Reply]:
        """Not by this way: replies are streamed by `Upstream.write`."""
        raise NotImplementedError


class Upstream:
    """An endpoint behind the back ends' contract.

    Args:
        url: its base URL.
        key: its API key.
        models: names it knows, adapters included.
        timeout: seconds for an answer to begin, and between two pieces of it.
    """

    def __init__(self, url: str, *, key: str, models: Sequence[str], taxonomy: Taxonomy, timeout: float) -> None:
        self.models = tuple(models)
        host = _Host(taxonomy)
        self._methods = {name: _opened(name, host) for name in METHODS.names() if METHODS.get(name).needs == "prompt"}
        self.methods = tuple(self._methods)
        self._client = openai.AsyncOpenAI(base_url=url, api_key=key or "none", timeout=timeout, max_retries=1)

    async def write(self, order: Order) -> AsyncGenerator[Piece, None]:
        """Pieces as they come. Raises `ApiError`: 400 what it refuses, 502 to 504 where it fails."""
        try:
            stream = await self._client.chat.completions.create(**self._body(order))
        except openai.OpenAIError as error:
            raise _refusal(error) from error
        finishes: dict[int, Finish] = {}
        read = written = 0
        try:
            async for chunk in stream:
                read, written = _tokens(chunk) or (read, written)
                for index, text, finish in _news(chunk, order.choices):
                    if text:
                        yield Piece(index, text)
                    if finish is not None:
                        finishes[index] = finish
        except openai.OpenAIError as error:
            raise _refusal(error) from error
        except httpx.TimeoutException as error:  # the client wraps what goes wrong before the first chunk, not after
            raise ApiError(504, "upstream_timeout", "the upstream endpoint stopped in the middle of a reply") from error
        except httpx.HTTPError as error:
            raise ApiError(502, "upstream_error", "the upstream endpoint broke off") from error
        except (AttributeError, TypeError, ValueError) as error:  # neither does it check what a chunk holds
            raise ApiError(502, "upstream_error", "the upstream endpoint sent what is no chunk of a reply") from error
        finally:
            await stream.close()
        if len(finishes) < order.choices:
            raise ApiError(502, "upstream_error", "the upstream endpoint broke off")
        for place, index in enumerate(sorted(finishes)):  # usage comes once for all replies: it goes with the first
            yield Piece(index, "", finishes[index], 0 if place else read, 0 if place else written)

    def _body(self, order: Order) -> dict[str, Any]:
        decoding = order.decoding
        return {
            "model": order.model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in self._messages(order)],
            "n": order.choices,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "max_tokens": decoding.max_new_tokens,
            "stop": list(decoding.stop_strings) or None,
            "seed": order.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _messages(self, order: Order) -> Sequence[Message]:
        draft = Draft(Conversation(order.messages))
        if order.steering.active and order.method != BASE:
            for name in order.method.split("+"):
                draft = self._methods[name.strip()].draft(draft, order.steering)
        if not isinstance(draft.ask, Conversation):
            raise BadInputError(f"method {order.method!r} made no conversation of a conversation")
        return with_note(draft.ask)

    async def ready(self) -> None:
        """Raises `ApiError` if it doesn't list its models."""
        try:
            await self._client.with_options(timeout=5.0, max_retries=0).models.list()
        except openai.OpenAIError as error:
            raise ApiError(503, "upstream_unavailable", f"the upstream endpoint: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


def _opened(name: str, host: _Host) -> Drafting:
    method = METHODS.get(name).open(host)
    assert isinstance(method, Drafting)
    return method


def _tokens(chunk: ChatCompletionChunk) -> tuple[int, int] | None:
    """Tokens of the prompt and of all replies, on the chunk that tells them."""
    return None if chunk.usage is None else (int(chunk.usage.prompt_tokens), int(chunk.usage.completion_tokens))


def _news(chunk: ChatCompletionChunk, choices: int) -> list[tuple[int, str, Finish | None]]:
    """Which reply, what it goes on with, and why it has ended. ValueError for a reply nobody asked for."""
    news = []
    for choice in chunk.choices:
        index, text, reason = choice.index, choice.delta.content or "", choice.finish_reason
        if index not in range(choices) or not isinstance(text, str):
            raise ValueError(f"reply {index!r} of {choices}, text {type(text).__name__}")
        news.append((index, text, None if reason is None else _FINISH.get(reason, "stop")))
    return news


def _refusal(error: openai.OpenAIError) -> ApiError:
    """Its refusal of the request is the caller's; its refusal of us, or a failure, is not."""
    if isinstance(error, openai.APITimeoutError):
        return ApiError(504, "upstream_timeout", "the upstream endpoint took too long")
    if isinstance(error, openai.RateLimitError):
        return ApiError(503, "upstream_busy", "the upstream endpoint is busy", headers={"Retry-After": "2"})
    if isinstance(error, openai.BadRequestError):
        detail = error.body if isinstance(error.body, dict) else {}
        return ApiError(400, "upstream_refused", f"the upstream endpoint refused: {detail.get('message', 'no reason')}")
    return ApiError(502, "upstream_error", f"the upstream endpoint failed ({type(error).__name__})")
