"""The one client: any OpenAI-compatible endpoint, or a model in process, asked by the same contract.

    async with LLM(Endpoint("gpt-4.1-mini", "https://api.openai.com/v1"), cache=cache, budget=Budget(cap=5.0)) as llm:
        answer = await llm.ask(Call((Message("user", "Name a river."),)))
        read = await llm.ask_for(Call(...), River)      # River: a pydantic model; read.value is one

An answer is kept on disk before it is used, under the hash of all that determines it: a run that is killed and started
again pays for no answered call twice. Several clients (one for each role) share one cache and one budget.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from counterpoint.authoring.backend import Backend, NoReplyError, OpenAIBackend, Reply
from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import Answer, Call, CallFailedError, EndpointDownError, Message
from counterpoint.authoring.limits import RateLimit
from counterpoint.authoring.structured import in_words, read_as, refuses, schema_of
from counterpoint.errors import BadInputError, MissingExtraError

LONGEST_WAIT = 600.0
"""Seconds an endpoint may ask to wait before the run is rather ended."""
APART = 0.003
"""Seconds between the first calls, until as many are in flight as may be. Sent all at once, they would be answered all
at once, again and again, and each would wait for its turn at our end while the endpoint waits for us."""
LONGEST_BACK_OFF = 30.0
"""Seconds between two repeats at most, where the endpoint doesn't say how long to wait."""
LOST_IN_A_ROW = 20
"""Calls given up with no answer to any other between: the endpoint is then taken to be down."""
MENDING = " (mended)"
"""What a repair's step ends with, in provenance."""
MOST_BUSY = 200
"""How often a call may be told that the endpoint is busy. Waiting for one's turn is no failure, but has an end."""

T = TypeVar("T", bound=BaseModel)
U = TypeVar("U")


def url_and_model(text: str) -> tuple[str, str] | None:
    """An endpoint's address and its model's name from `URL#MODEL`; None where the text is not of that form."""
    url, _, model = text.partition("#")
    return (url, model) if url.startswith(("http://", "https://")) and model else None


@dataclass(frozen=True)
class Endpoint:
    """A model somewhere: how it is reached, how fast it may be asked, what it costs."""

    model: str
    """Name of the model, or `lm:...` for one in process."""
    base_url: str = ""
    """Such as `http://localhost:8000/v1`; empty for a model in process."""
    label: str = ""
    """What provenance calls this endpoint and the cache keys it by; host and port where not given."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; unset is right for a local server without keys."""
    price_in: float = 1.0
    """US dollars for a million tokens read."""
    price_out: float = 4.0
    """US dollars for a million tokens written."""
    concurrency: int = 16
    """Calls in flight at once."""
    requests_per_minute: float | None = None
    """None: as many as `concurrency` lets through."""
    tokens_per_minute: float | None = None
    """Read and written together; None: no limit."""
    timeout: float = 120.0
    """Seconds to wait for an answer before the call is tried again."""
    retries: int = 5
    """How often a call without an answer is tried again."""
    back_off: float = 0.5
    """Seconds before the first repeat; doubled for each further one, and then drawn between half and all of that."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise BadInputError(f"concurrency must be at least 1 (got {self.concurrency})")
        for name in ("requests_per_minute", "tokens_per_minute", "timeout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BadInputError(f"{name} must be above 0 (got {value})")
        if min(self.price_in, self.price_out, self.back_off, self.retries) < 0:
            raise BadInputError("prices, back_off and retries must not be negative")

    @property
    def name(self) -> str:
        """The label, or what stands for it: never anything secret that the URL may hold."""
        if self.label or not self.base_url:
            return self.label or "in process"
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """US dollars for so many tokens."""
        return (self.price_in * tokens_in + self.price_out * tokens_out) / 1e6


class Client(Protocol):
    """What authors need of a model: `LLM`, or anything that stands for it."""

    async def ask(self, call: Call) -> Answer:
        """The answer to a call."""
        ...

    async def ask_for(
        self, call: Call, form: type[T], *, check: Callable[[T], Sequence[str]] | None = None, repairs: int = 1
    ) -> Read[T]:
        """The answer to a call, read as `form`."""
        ...


@dataclass(frozen=True)
class Read(Generic[U]):
    """An answer in the form asked for."""

    value: U
    """What was answered, validated."""
    answers: tuple[Answer, ...]
    """All answers it took, the last being the one that was read."""

    @property
    def repaired(self) -> bool:
        """Whether the first answer could not be used."""
        return len(self.answers) > 1


class LLM:
    """Asks one model at one endpoint.

    Args:
        endpoint: what is asked.
        cache: where answers are kept; several clients and several processes may share one.
        budget: counts what is spent and refuses what might pass the cap; shared by the clients of a run.
        backend: what answers calls; the endpoint's URL where not given.

    Use it as an async context manager; leaving it closes its connections.

    Raises:
        BadInputError: there is neither a URL nor a backend.
        MissingExtraError: openai or tenacity is not installed.
    """

    def __init__(
        self, endpoint: Endpoint, *, cache: AnswerCache, budget: Budget, backend: Backend | None = None
    ) -> None:
        self.endpoint, self.cache, self.budget = endpoint, cache, budget
        if backend is None and not endpoint.base_url:
            raise BadInputError(f"model {endpoint.model!r}: no base URL to ask it at")
        self._backend = backend or OpenAIBackend(
            endpoint.model,
            endpoint.base_url,
            api_key_env=endpoint.api_key_env,
            concurrency=endpoint.concurrency,
            timeout=endpoint.timeout,
        )
        self._slots = asyncio.Semaphore(endpoint.concurrency)
        self._limit = RateLimit(endpoint.requests_per_minute, endpoint.tokens_per_minute, sleep=self._sleep)
        self._lost = self._begun = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._backend.close()

    async def ask(self, call: Call) -> Answer:
        """The answer to a call: from the cache, or sent, retried, paid for and kept.

        Raises:
            CallFailedError: `unavailable`: no answer after all retries while others were answered; `refused`: the
                endpoint won't take this call. (A model's refusal or a cut answer is an answer here.)
            CapReachedError: it might pass the cap.
            EndpointDownError: nothing can be asked there.
        """
        key = call.key(self.endpoint.name, self.endpoint.model)
        if found := self.cache.get(call, key):
            self.budget.cached += 1
            return found
        async with self.cache.claim(key):
            if found := self.cache.get(call, key):
                self.budget.cached += 1
                return found
            try:
                return await self._until_answered(call, key)
            except EndpointDownError as error:
                self.budget.stop(error)
                raise

    async def ask_for(
        self, call: Call, form: type[T], *, check: Callable[[T], Sequence[str]] | None = None, repairs: int = 1
    ) -> Read[T]:
        """The answer to a call, read as `form`.

        The form is asked for in the last message in plain words (appended here) and in `response_format`, which falls
        back where an endpoint doesn't know it. An answer is read tolerantly (code fences, words around the JSON,
        trailing commas), validated, and handed to `check`; if something is wrong it is shown to the model with what is
        wrong, up to `repairs` times.

        Args:
            call: what is asked, without any words about JSON.
            form: a pydantic model; descriptions of its fields are shown to the model.
            check: what else is wrong with a valid value, in words for the model; nothing if it is good.
            repairs: how often the model may mend its answer.

        Raises:
            CallFailedError: `malformed`, `refused`, `truncated` or `unavailable`, with the answers paid for.
            CapReachedError, EndpointDownError: as `ask`.
        """
        schema = schema_of(form)
        first = replace(call, messages=_with(call.messages, in_words(schema)), form=schema)
        answers: list[Answer] = []
        asked = first
        while True:
            try:
                answer = await self.ask(asked)
            except CallFailedError as error:
                raise CallFailedError(error.reason, error.detail, tuple(answers)) from error
            answers.append(answer)
            if answer.finish == "refused" or refuses(answer.text):
                raise CallFailedError("refused", answer.text[:200] or "an empty answer", tuple(answers))
            value = read_as(form, answer.text)
            wrong = value if isinstance(value, str) else "; ".join(check(value) if check else ())
            if not wrong and not isinstance(value, str):
                return Read(value, tuple(answers))
            cut = answer.finish == "length"
            if len(answers) > repairs:
                raise CallFailedError("truncated" if cut else "malformed", wrong, tuple(answers))
            messages = _mending(first.messages, answer, wrong, cut)
            asked = replace(first, messages=messages, step=f"{call.step}{MENDING}")

    async def _until_answered(self, call: Call, key: str) -> Answer:
        """Send the call until it is answered; waits between as the endpoint says, or longer and longer."""
        try:
            from tenacity import AsyncRetrying, retry_if_exception_type
        except ImportError as error:
            raise MissingExtraError("Asking an endpoint", "llm") from error
        patience = _Patience(self.endpoint, self._limit)
        retrying = AsyncRetrying(
            stop=patience.used_up,
            wait=patience.wait,
            retry=retry_if_exception_type(NoReplyError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    if patience.tries:
                        self.budget.repeats += 1
                    return await self._once(call, key)
        except NoReplyError as error:
            self._lost += 1
            if error.offline or self._lost >= LOST_IN_A_ROW:
                raise EndpointDownError(f"{self.endpoint.name} does not answer ({error})") from error
            raise CallFailedError("unavailable", str(error)) from error
        raise AssertionError("tenacity gives an answer or an error")

    async def _once(self, call: Call, key: str) -> Answer:
        """Send the call once."""
        tokens = sum(len(message.content.encode()) + 16 for message in call.messages)  # a token has a byte or more
        worst = self.endpoint.cost(tokens, call.sampling.max_tokens)
        async with self.budget.reserve(worst) as reservation:
            reply = await self._backend.send(call, partial(self._turn, tokens // 3 + call.sampling.max_tokens))
            reservation.paid = self.endpoint.cost(reply.tokens_in, reply.tokens_out)
            answer = self._answer(call, key, reply, reservation.paid)
            safe = self.cache.put(answer)
        self._lost = 0
        self.budget.calls += 1
        self.budget.tokens_in += reply.tokens_in
        self.budget.tokens_out += reply.tokens_out
        await safe
        return answer

    @asynccontextmanager
    async def _turn(self, tokens: int) -> AsyncIterator[None]:
        """One of the places in flight, when the rates allow another call of so many tokens."""
        async with self._slots:
            if self._begun < self.endpoint.concurrency:
                self._begun += 1
                await self._sleep(APART * (self._begun - 1))
            await self._limit.wait(tokens)
            self.budget.go_on()
            yield

    def _answer(self, call: Call, key: str, reply: Reply, cost: float) -> Answer:
        return Answer(
            key=key,
            text=reply.text,
            finish=reply.finish,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            cost=cost,
            model=self.endpoint.model,
            endpoint=self.endpoint.name,
            time=time.time(),
            seed=call.seed,
            step=call.step,
            prompt=call.prompt,
        )

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the run's end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.budget.ended.wait()


class _Patience:
    """How long one call waits for an answer, as tenacity asks it."""

    def __init__(self, endpoint: Endpoint, limit: RateLimit) -> None:
        self._endpoint, self._limit = endpoint, limit
        self.tries = 0
        """Attempts that brought no answer."""
        self._failed = 0

    def used_up(self, state: Any) -> bool:
        """Whether to give up; being told to wait for one's turn is not held against a call."""
        error = state.outcome.exception()
        self.tries += 1
        self._failed += not error.busy
        too_long = error.wait is not None and error.wait > LONGEST_WAIT
        most = min(1, self._endpoint.retries) if error.garbled else self._endpoint.retries
        return too_long or self._failed > most or self.tries > MOST_BUSY

    def wait(self, state: Any) -> float:
        """Seconds until the next attempt. A busy endpoint is left alone by all calls."""
        error = state.outcome.exception()
        if error.wait is not None:
            if error.busy:
                self._limit.pause(error.wait)
                return 0.0
            return float(error.wait)
        most = min(LONGEST_BACK_OFF, self._endpoint.back_off * 2.0 ** (self.tries - 1))
        return random.uniform(most / 2, most)


def _with(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """The messages with more words at the end of the last one."""
    last = messages[-1]
    return (*messages[:-1], Message(last.role, f"{last.content}\n\n{words}"))


def _mending(messages: tuple[Message, ...], answer: Answer, wrong: str, cut: bool) -> tuple[Message, ...]:
    """The chat that asks for the answer again, with what was wrong."""
    if cut:
        note = f"(An earlier answer was cut off at {answer.tokens_out} tokens. Keep it much shorter.)"
        return _with(messages, note)
    if not answer.text.strip():
        return _with(messages, "(An earlier answer was empty.)")
    return (
        *messages,
        Message("assistant", answer.text),
        Message("user", f"That can't be used: {wrong}. Give the whole JSON object again with this put right."),
    )
