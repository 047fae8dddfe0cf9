"""What is asked, how the reply is to be steered, and what came of it. Records; nothing here imports torch.

Who answers is a `Pole`, the way models are asked for poles in training (`models/prompts.py`): a name and sentences.
None is nobody in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from counterpoint.errors import BadInputError
from counterpoint.models.decoding import Decoding
from counterpoint.steering.steering import Steering
from counterpoint.types import Dilemma, Pole, Taxonomy

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]
OnText = Callable[[int, str], None]
"""Told of new text as it comes: index of the request, text. A request's pieces joined are its reply's text."""

BASE = "base"
"""The method that steers nothing."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Conversation:
    """Turns so far, the last of them the user's.

    Who answers is said at the end of the user's last turn, where models heed it and where it leaves the longest prefix
    to share. With nobody in particular the conversation is put as it is.
    """

    messages: tuple[Message, ...]
    who: Pole | None = None

    def __post_init__(self) -> None:
        if not self.messages or self.messages[-1].role != "user":
            last = self.messages[-1].role if self.messages else "nothing"
            raise BadInputError(f"a conversation ends with {last}; expected a user's turn")
        for message in self.messages:
            if message.role not in ("system", "user", "assistant"):
                raise BadInputError(f"role is {message.role!r}; expected system, user or assistant")

    @classmethod
    def said(cls, text: str) -> Conversation:
        """One user's turn and nothing before it."""
        return cls((Message("user", text),))


@dataclass(frozen=True)
class Asked:
    """A dilemma, put exactly as training puts it (`Prompter.text`), options in the order shown."""

    dilemma: Dilemma
    who: Pole | None = None
    form: Literal["letter", "answer"] = "answer"
    """`letter`: a reply is an option's letter. `answer`: JSON with the choice and its explanation."""
    several: bool = False
    """Whether every option that fits is asked for instead of one."""


Ask: TypeAlias = Conversation | Asked


def answered_by(ask: Ask, who: Pole | None) -> Ask:
    """The same question, put to somebody else."""
    return replace(ask, who=who)


@dataclass(frozen=True)
class Request:
    """One reply that is wanted."""

    ask: Ask
    steering: Steering
    method: str = "mixture"
    """A method's name; several joined by `+` are applied in that order, each at an equal share of the strength; `base`
    for none. Steering that does nothing gives the base's reply under every method."""
    decoding: Decoding = field(default_factory=Decoding)
    seed: int | None = None
    """Of this reply's random numbers; None: made from the decoding's seed and the prompt, so that equal requests get
    equal replies."""
    turned: bool = False
    """Whether strengths are in the methods' own units already; otherwise a dial turns them, where there is one."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Names in the order in which they are applied; none where nothing is to be done."""
        if not self.steering.active or self.method == BASE:
            return ()
        return tuple(name.strip() for name in self.method.split("+"))


@dataclass(frozen=True)
class Reply:
    """What came of a request."""

    text: str
    """Without special tokens and stop string."""
    finish: Finish
    """Whether it ended itself (or at a stop string), or was cut."""
    steering: Steering
    """As asked for."""
    method: str
    """What was applied: the request's method, or `base` where there was nothing to apply."""
    tokens: tuple[int, ...] = ()
    """Ids, without the token that ended it; empty where an endpoint keeps them to itself."""
    prompt_tokens: int = 0
    """Tokens of the base's prompt."""
    others: tuple[str, ...] = ()
    """Candidates that were drawn and not kept."""


def to_show_both(ask: Ask, steering: Steering, taxonomy: Taxonomy) -> Ask:
    """The same question put to somebody who sees both sides, where the steering says that both are to be shown."""
    if not steering.shows_both:
        return ask
    pairs = [taxonomy.by_name[name] for name in steering.conflicts]
    sides = "; ".join(f"for {pair.positive.name} and for {pair.negative.name}" for pair in pairs)
    return answered_by(ask, Pole("Somebody of two minds", f"Says what speaks {sides}, and lets the reader decide."))


def text_of(ask: Ask) -> str:
    """What the user's last turn says, without who answers."""
    if isinstance(ask, Conversation):
        return ask.messages[-1].content
    options = "\n".join(option.text for option in ask.dilemma.options)
    return "\n\n".join(part for part in (ask.dilemma.scenario, ask.dilemma.question, options) if part)


def note(who: Pole) -> str:
    """The line that says who answers; worded as training words it, so that what was learnt of poles applies."""
    return f"Who answers: {who.name}. {who.description}".strip()


def with_note(conversation: Conversation) -> tuple[Message, ...]:
    """The turns as they are put to a model, with who answers at the end of the last one."""
    if conversation.who is None:
        return conversation.messages
    last = conversation.messages[-1]
    return (*conversation.messages[:-1], replace(last, content=f"{last.content}\n\n{note(conversation.who)}"))


def conversation_of(messages: Sequence[tuple[str, str]]) -> Conversation:
    """From (role, content) pairs.

    Raises:
        BadInputError: a role is unknown, or the last turn is not the user's.
    """
    return Conversation(tuple(Message(role, content) for role, content in messages))  # type: ignore[arg-type]
