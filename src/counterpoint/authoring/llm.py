"""The one client: any OpenAI-compatible endpoint, or a model in process, asked by the same contract.

    async with LLM(Endpoint("gpt-4.1-mini", "https://api.openai.com/v1"), cache=cache, budget=Budget(cap=5.0)) as llm:
        answer = await llm.ask(Call((Message("user", "Name a river."),)))
        read = await llm.ask_for(Call(...), River)      # River: a pydantic model; read.value is one

An answer is kept on disk before it is used, under the hash of all that determines it: a run that is killed and started
again pays for no answered call twice. Several clients (one for each role) share one cache and one budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from pydantic import BaseModel

from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import Answer, Call

T = TypeVar("T", bound=BaseModel)
U = TypeVar("U")


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
    retries: int = 6
    """How often a call without an answer is tried again."""


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

    Use it as an async context manager; leaving it closes its connections.
    """

    def __init__(self, endpoint: Endpoint, *, cache: AnswerCache, budget: Budget) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError

    async def ask(self, call: Call) -> Answer:
        """The answer to a call: from the cache, or sent, retried, paid for and kept.

        Raises:
            CallFailedError: `unavailable`: no answer after all retries. (A refusal or a cut answer is an answer here.)
            CapReachedError: it might pass the cap.
            EndpointDownError: nothing can be asked there.
        """
        raise NotImplementedError

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
        raise NotImplementedError
