"""OpenAI's records of chat completions: what is understood of a request, and how replies are written down.

Fields that OpenAI knows and we don't act on are accepted at the value that asks for nothing, and refused at any other:
a request is never half understood.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from counterpoint.serving.chat.backend import Piece
from counterpoint.serving.routes.fields import Name, Short, Strict, Text
from counterpoint.steering.asking import Message

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "store": (False,),
    "metadata": ({},),
    "service_tier": ("auto", "default"),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "prediction": (),
    "audio": (),
    "web_search_options": (),
}
"""OpenAI's parameters that change nothing here, and the values (besides null) at which they ask for nothing."""

WORDS = 200_000
"""Characters of a conversation at most."""


class TextPart(Strict):
    """A part of a turn."""

    type: Literal["text"]
    text: Text


class Turn(Strict):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(min_length=1, max_length=100)]
    name: Short | None = Field(default=None, description="Accepted, as OpenAI does; models here are not told it.")

    def message(self) -> Message:
        """As models are asked."""
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        return Message("system" if self.role == "developer" else self.role, text)


class StreamOptions(Strict):
    """How a stream ends."""

    include_usage: bool = False
    include_obfuscation: Literal[False] | None = None


class Extension(Strict):
    """What is asked beyond OpenAI's fields; with its client: `extra_body={"counterpoint": {...}}`."""

    method: Annotated[Short, Field(min_length=1)] | None = Field(
        default=None,
        description="A steering method, several joined by '+', or 'base'; the service's default if absent.",
    )
    strength: float = Field(
        default=1.0, ge=-3, le=3, description="Times what is believed: 0 nobody in particular, -1 the opposite person."
    )
    explain: bool = Field(
        default=False, description="Say what was applied and what it rests on; needs the scope people:read."
    )
    both_sides: bool = Field(
        default=False, description="Show both sides where the person's own evidence speaks for both."
    )


class ChatRequest(Strict):
    """A request for replies."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _describe(schema))

    model: Short
    messages: Annotated[list[Turn], Field(min_length=1)]
    user: Name | None = Field(default=None, description="The person to answer. Unknown: the base answers, and says so.")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Annotated[Short, Field(min_length=1)] | Annotated[
        list[Annotated[Short, Field(min_length=1)]], Field(max_length=4)
    ] | None = None  # fmt: skip
    safety_identifier: Short | None = Field(default=None, description="Accepted; not used.")
    prompt_cache_key: Short | None = Field(default=None, description="Accepted; not used.")
    counterpoint: Extension = Extension()

    @model_validator(mode="before")
    @classmethod
    def _without_neutral(cls, value: Any) -> Any:
        """Refuse what would have to be ignored; leave out what asks for nothing."""
        if not isinstance(value, dict):
            return value
        for name, accepted in NEUTRAL.items():
            asked = value.get(name)
            if asked is not None and not any(_same(asked, one) for one in accepted):
                raise PydanticCustomError("unsupported", "{name} is not supported here; leave it out", {"name": name})
        return {name: field for name, field in value.items() if name not in NEUTRAL}

    @model_validator(mode="after")
    def _is_a_conversation(self) -> ChatRequest:
        if self.messages[-1].role != "user":
            raise PydanticCustomError("last_turn", "the last message must be the user's")
        if sum(len(turn.message().content) for turn in self.messages) > WORDS:
            raise PydanticCustomError("too_long", "messages must hold {most} characters at most", {"most": WORDS})
        if self.stream_options is not None and not self.stream:
            raise PydanticCustomError("stream_options", "stream_options goes with stream: true only")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts before which a reply ends."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


def _same(asked: Any, accepted: Any) -> bool:
    """Equal as JSON: 0 and 0.0 are, 0 and false are not."""
    return asked == accepted and isinstance(asked, bool) == isinstance(accepted, bool)


def _describe(schema: dict[str, Any]) -> None:
    for name, accepted in NEUTRAL.items():
        schema["properties"][name] = {
            "enum": [None, *accepted],
            "description": "Accepted where it asks for nothing.",
        }


# Answers


class ReplyMessage(Strict):
    """A reply."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ReplyChoice(Strict):
    """One of the replies."""

    index: int
    message: ReplyMessage
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class Usage(Strict):
    """Tokens, as far as they are known."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(Strict):
    """Replies to a request."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ReplyChoice]
    usage: Usage
    system_fingerprint: None = None
    counterpoint: dict[str, Any] = Field(description="What was done about the person: see the guide.")


def usage(pieces: list[Piece]) -> Usage:
    """Tokens of all replies; a prompt is read once for all of them."""
    read = max((piece.read for piece in pieces), default=0)
    written = sum(piece.written for piece in pieces)
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def chunk(name: str, model: str, created: int, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One event of a stream."""
    whole = {"id": name, "object": "chat.completion.chunk", "created": created, "model": model, "choices": choices}
    return {**whole, **more}


def delta(index: int, *, finish: str | None = None, **said: str) -> dict[str, Any]:
    """What one reply goes on with."""
    return {"index": index, "delta": said, "logprobs": None, "finish_reason": finish}
