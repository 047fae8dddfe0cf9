"""What answers a call: an endpoint behind the `openai` client, or a model in process. `LLM` does all the rest."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from counterpoint.authoring.calls import Call, CallFailedError, EndpointDownError, Finish, RunStoppedError
from counterpoint.authoring.dialect import Dialect
from counterpoint.errors import MissingExtraError


@dataclass(frozen=True)
class Reply:
    """An answer as it came from a model."""

    text: str
    """What was said, or why it was not."""
    finish: Finish
    """How it ended."""
    tokens_in: int
    """Tokens read."""
    tokens_out: int
    """Tokens written."""


class NoReplyError(Exception):
    """No answer came; asking again may bring one.

    Args:
        detail: what happened instead.
        wait: seconds to wait first, where the endpoint said so.
        busy: whether it is asked too much, rather than failing.
        offline: whether it can't even be connected to.
        garbled: whether something came that is no completion; it may have been paid for, and is asked for once more.
    """

    def __init__(
        self,
        detail: str,
        *,
        wait: float | None = None,
        busy: bool = False,
        offline: bool = False,
        garbled: bool = False,
    ) -> None:
        self.wait, self.busy, self.offline, self.garbled = wait, busy, offline, garbled
        super().__init__(detail)


Turn = Callable[[], AbstractAsyncContextManager[None]]
"""A call's turn: entered when all is ready to be sent, left as soon as the answer is there."""


class Backend(Protocol):
    """Sends one call, once."""

    async def send(self, call: Call, turn: Turn) -> Reply:
        """The model's reply; the call is on its way only while `turn` is entered.

        Raises:
            NoReplyError: none came this time.
            CallFailedError: this call won't be answered.
            EndpointDownError: no call will be answered.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class OpenAIBackend:
    """An OpenAI-compatible endpoint.

    Requests go through the client's `post`, and answers are read as plain JSON: the typed methods cost more time than
    all the rest of a call. aiohttp carries them where it is installed, else the client's own transport. A request is
    made before its turn, and an answer read after it: a place among the calls in flight is never held for our own work.

    Raises:
        MissingExtraError: openai is not installed.
    """

    def __init__(self, model: str, base_url: str, *, api_key_env: str, concurrency: int, timeout: float) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError("Asking an endpoint", "llm") from error
        self._openai, self._model, self._dialect = openai, model, Dialect()
        self._proven = {True: False, False: False}  # whether a call with a form, and one without, was understood
        key = os.environ.get(api_key_env) or "none"
        self._client = openai.AsyncOpenAI(
            base_url=base_url, api_key=key, max_retries=0, timeout=timeout, http_client=_transport(openai, concurrency)
        )

    async def send(self, call: Call, turn: Turn) -> Reply:
        """The reply; said more plainly where the endpoint doesn't understand the request."""
        if self._proven[call.form is not None]:
            _TURN.set(turn)
            return await self._sent(call)
        async with turn():  # said only when its turn has come: by then it may be known how
            _TURN.set(contextlib.nullcontext)
            return await self._sent(call)

    async def _sent(self, call: Call) -> Reply:
        dialect = self._dialect
        while True:
            try:
                text = await self._client.post("/chat/completions", body=dialect.body(call, self._model), cast_to=str)
            except self._openai.APIStatusError as error:
                plainer = dialect.plainer(call, error.response.text) if error.status_code in (400, 422) else None
                if plainer is None:
                    raise _refused(error) from error
                dialect = plainer
            except self._openai.APIConnectionError as error:  # timeouts too
                if isinstance(error.__cause__, RunStoppedError):  # raised when its turn came
                    raise error.__cause__ from None
                why = f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}"
                raise NoReplyError(why, offline=_nobody_there(error)) from error
            else:
                self._dialect, self._proven[call.form is not None] = dialect, True
                return read_completion(text, call)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def read_completion(text: str, call: Call) -> Reply:
    """The reply in the body of a chat completion. Tokens are estimated where the endpoint doesn't count them.

    Raises:
        NoReplyError: the body holds none.
    """
    try:
        body = json.loads(text)
        choice = body["choices"][0]
        message = choice["message"]
        said, refusal = _text(message.get("content")), message.get("refusal")
        usage = body.get("usage") or {}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise NoReplyError(f"the body is no chat completion: {text[:200]!r}", garbled=True) from error
    finish: Finish = "length" if choice.get("finish_reason") == "length" else "stop"
    if refusal or choice.get("finish_reason") == "content_filter":
        finish, said = "refused", said or str(refusal or "")
    read = usage.get("prompt_tokens")
    wrote = usage.get("completion_tokens")
    return Reply(
        said,
        finish,
        read if _counted(read) else sum(len(message.content.encode()) for message in call.messages) // 4 + 1,
        wrote if _counted(wrote) else len(said.encode()) // 4 + 1,
    )


def _text(content: Any) -> str:
    """What was said: a text, or parts of which some are texts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _counted(tokens: Any) -> TypeGuard[int]:
    """Whether it is a number of tokens: money is counted by it."""
    return type(tokens) is int and tokens >= 0


_TURN: ContextVar[Turn] = ContextVar("turn")
"""Of the call that the current task sends: the client hands on nothing of ours."""


def _by_turns(kind: type[Any]) -> type[Any]:
    """An HTTP client of this class that sends what is ready when its turn comes."""

    class ByTurns(kind):  # type: ignore[misc]
        async def send(self, request: Any, **settings: Any) -> Any:
            async with _TURN.get()():
                response = await super().send(request, **settings)
            await asyncio.sleep(0)  # first let those go whose turn it now is: reading what came can wait
            return response

    return ByTurns


def _transport(openai: Any, concurrency: int) -> Any:
    """The HTTP client with a pool as large as the calls in flight, made by openai's own class for its version."""
    try:
        from httpx2 import Limits
    except ImportError:  # openai before version 3
        from httpx import Limits  # type: ignore[assignment]
    limits = Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    with contextlib.suppress(AttributeError, RuntimeError):  # RuntimeError: aiohttp is not installed
        return _by_turns(openai.DefaultAioHttpClient)(limits=limits)
    return _by_turns(openai.DefaultAsyncHttpxClient)(limits=limits)


def _nobody_there(error: BaseException | None) -> bool:
    """Whether no connection was made at all; transports name it differently, and the client wraps it."""
    while error is not None:
        if type(error).__name__.startswith(("ConnectError", "ClientConnector")):
            return True
        error = error.__cause__ or error.__context__
    return False


def _refused(error: Any) -> Exception:
    """What a status other than 200 means."""
    status, headers = error.status_code, error.response.headers
    said = " ".join(error.response.text.split())[:300]
    detail = f"status {status}: {said}"
    if status in (401, 403, 404, 405) or (status == 429 and "insufficient_quota" in said):
        return EndpointDownError(f"the endpoint refuses every call ({detail})")
    if status in (408, 409, 429) or status >= 500:
        wait = retry_after(headers)
        return NoReplyError(detail, wait=wait, busy=status == 429 or (status == 503 and wait is not None))
    return CallFailedError("refused", detail)


def retry_after(headers: Any) -> float | None:
    """Seconds to wait, by `retry-after-ms` or `Retry-After` (seconds or an HTTP date); None if neither is there."""
    with contextlib.suppress(TypeError, ValueError):
        return max(0.0, float(headers.get("retry-after-ms")) / 1000)
    text = headers.get("retry-after")
    with contextlib.suppress(TypeError, ValueError):
        return max(0.0, float(text))
    date = email.utils.parsedate_tz(text) if text else None
    return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None


Speak = Callable[[Sequence[Call]], Sequence[Reply]]
"""A model in process: replies to several calls at once, `[call]`."""


class LocalBackend:
    """A model in process: calls that wait are answered together, in a thread.

    Args:
        speak: answers calls; never called twice at once.
        batch: calls answered together at most.
    """

    def __init__(self, speak: Speak, *, batch: int = 16) -> None:
        self._speak, self._batch = speak, batch
        self._waiting: list[tuple[Call, asyncio.Future[Reply]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def send(self, call: Call, turn: Turn) -> Reply:
        """The reply, with those of other calls waiting."""
        async with turn():
            return await self._answered(call)

    async def _answered(self, call: Call) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def close(self) -> None:
        """Wait for what is being answered."""
        if self._worker is not None:
            await self._worker

    async def _work(self) -> None:
        await asyncio.sleep(0)  # let others that are ready join
        while self._waiting:
            group, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
            try:
                replies = await asyncio.to_thread(self._speak, [call for call, _ in group])
            except Exception as error:  # told to each that waits for it
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), reply in zip(group, replies, strict=True):
                if not future.done():
                    future.set_result(reply)
