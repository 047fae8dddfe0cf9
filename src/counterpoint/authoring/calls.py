"""The records that a call to a model is made of, and how one fails."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from counterpoint.errors import BadInputError, CounterpointError
from counterpoint.types import content_hash

Finish = Literal["stop", "length", "refused"]
"""Whether an answer ended itself, was cut at `max_tokens`, or the model would not give it."""

Failure = Literal["malformed", "refused", "truncated", "unavailable"]
"""Why a call gave nothing to use: wrong form after all repairs, refusal, cut off, or no answer after all retries."""


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    """Who says it."""
    content: str
    """What is said."""


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn."""

    temperature: float = 0.8
    """Logits are divided by it; 0 takes the likeliest token. The default is ALOE's (arXiv 2410.03642)."""
    top_p: float = 1.0
    """Drawn from the fewest likeliest tokens whose probabilities sum to at least this."""
    max_tokens: int = 1024
    """A longer answer is cut. What a call can cost at most follows from it."""

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise BadInputError(f"temperature must be at least 0 (got {self.temperature})")
        if not 0 < self.top_p <= 1:
            raise BadInputError(f"top_p must be above 0 and at most 1 (got {self.top_p})")
        if self.max_tokens < 1:
            raise BadInputError(f"max_tokens must be at least 1 (got {self.max_tokens})")


@dataclass(frozen=True)
class Call:
    """One question to a model. Equal calls to one endpoint and model are one call: it is sent once and paid once.

    What must be drawn anew (another candidate, another attempt) needs another `seed` or other messages.
    """

    messages: tuple[Message, ...]
    """The chat so far, the last message being the user's."""
    sampling: Sampling = Sampling()
    """How the answer is drawn."""
    seed: int = 0
    """Sent with the call; which draw this is."""
    step: str = ""
    """What the answer is for, such as `scene`; named in provenance, no part of the call's identity."""
    prompt: str = ""
    """`Prompt.reference` of what was asked; likewise."""
    form: dict[str, Any] | None = field(default=None, compare=False)
    """JSON schema of the answer, named `title`; None for free text. Set by `LLM.ask_for`."""

    def key(self, endpoint: str, model: str) -> str:
        """SHA-256 of all that determines the answer."""
        said = [[message.role, message.content] for message in self.messages]
        return content_hash("call/1", endpoint, model, said, asdict(self.sampling), self.seed, self.form)


@dataclass(frozen=True)
class Answer:
    """What a model said, and what it cost when it was paid for."""

    key: str
    """`Call.key`: where it stands in the cache."""
    text: str
    """The answer as it came; empty if refused without a word."""
    finish: Finish
    """How it ended."""
    tokens_in: int
    """Tokens read, as the endpoint counts them (estimated where it doesn't say)."""
    tokens_out: int
    """Tokens written, likewise."""
    cost: float
    """US dollars."""
    model: str
    """Name of the model asked."""
    endpoint: str
    """Label of the endpoint asked."""
    time: float
    """Seconds since 1970 (UTC) when it came."""
    seed: int
    """The call's."""
    step: str = ""
    """The call's."""
    prompt: str = ""
    """The call's."""
    cached: bool = False
    """Whether it came from the cache, at no cost now."""


class CallFailedError(CounterpointError):
    """A call gave nothing to use. `answers` are those that were paid for on the way (repairs too)."""

    def __init__(self, reason: Failure, detail: str, answers: tuple[Answer, ...] = ()) -> None:
        self.reason, self.detail, self.answers = reason, detail, answers
        super().__init__(f"{reason}: {detail}")


class RunStoppedError(CounterpointError):
    """Nothing more can be asked in this run; what was answered is kept, and a later run goes on from there."""


class CapReachedError(RunStoppedError):
    """The next call might pass the cost cap."""


class EndpointDownError(RunStoppedError):
    """The endpoint can't be reached, or refuses every call (a wrong key, no such model)."""
