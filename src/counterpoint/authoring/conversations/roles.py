"""Who plays which role: a client each, with its own temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from counterpoint.authoring.calls import Answer, Call, CallFailedError, Sampling
from counterpoint.authoring.conversations.prompts import PROMPTS
from counterpoint.authoring.conversations.text import declines, grounded_parts, said
from counterpoint.authoring.journal import RejectedError
from counterpoint.authoring.llm import Client
from counterpoint.data.conversations import Persona, Said

Name = Literal["user", "induction", "preferred", "rejected", "comparison"]
NAMES: tuple[Name, ...] = ("user", "induction", "preferred", "rejected", "comparison")

SAMPLING: Mapping[Name, Sampling] = {
    "user": Sampling(0.9, max_tokens=256),
    "induction": Sampling(0.0, max_tokens=512),
    "preferred": Sampling(0.8, max_tokens=512),
    "rejected": Sampling(0.8, max_tokens=512),
    "comparison": Sampling(0.0, max_tokens=64),
}
"""Ours: people vary, readers and judges don't."""

REPAIRS = 2
"""How often a role may mend an answer of the wrong form, within one try of a turn."""

LONGEST = {"user": 120, "preferred": 250, "rejected": 250}
"""Words of a message that may be kept; twice what is asked for and more."""


class Utterance(BaseModel):
    """What a role that talks answers with."""

    message: Annotated[str, Field(description="The message, as it is sent.")]


class Revealed(BaseModel):
    """What the induction role answers with."""

    profile: Annotated[str, Field(description="Parts of the profile that the user's messages show, or None.")]
    personality: Annotated[str, Field(description="Parts of the personality that they show, or None.")]


class Better(BaseModel):
    """What the comparison role answers with."""

    better: Annotated[Literal["1", "2"], Field(description="Number of the better reply.")]


@dataclass(frozen=True)
class Role:
    """A part, and who plays it."""

    client: Client
    """Whom to ask."""
    sampling: Sampling
    """How answers are drawn."""


class Known(NamedTuple):
    """What the user's messages have shown, in the description's words."""

    profile: str = ""
    personality: str = ""
    unfounded: int = 0
    """Parts that the induction role named and the description doesn't say; they were left out."""


@dataclass(frozen=True)
class Cast:
    """The five roles, and every answer they have given so far in one conversation.

    `answers` is added to by every call, also by those of which nothing came.
    """

    roles: Mapping[Name, Role]
    answers: list[Answer]

    async def user(self, persona: Persona, chat: Sequence[Said], seed: int) -> str:
        """The persona's next message."""
        return await self._talk("user", {"persona": persona, "chat": chat}, seed)

    async def reply(self, name: Literal["preferred", "rejected"], chat: Sequence[Said], known: Known, seed: int) -> str:
        """A reply to the chat; only the preferred role is shown what is known."""
        hint = {"profile": known.profile, "personality": known.personality} if name == "preferred" else {}
        return await self._talk(name, {"chat": chat, **hint}, seed)

    async def induction(self, persona: Persona, chat: Sequence[Said], seed: int) -> Known:
        """What the user's messages show of the persona."""
        revealed = await self._read("induction", {"persona": persona, "chat": chat}, Revealed, seed)
        profile, strange = grounded_parts(revealed.profile, persona.profile)
        personality, stranger = grounded_parts(revealed.personality, persona.personality)
        return Known(profile=profile, personality=personality, unfounded=strange + stranger)

    async def comparison(self, persona: Persona, chat: Sequence[Said], first: str, second: str, seed: int) -> int:
        """Which of two replies the persona would rather have had: 0 or 1."""
        fields = {"persona": persona, "chat": chat, "first": first, "second": second}
        return int((await self._read("comparison", fields, Better, seed)).better) - 1

    async def _talk(self, name: Name, fields: Mapping[str, Any], seed: int) -> str:
        answered = (await self._read(name, fields, Utterance, seed)).message
        text = said(answered)
        if declines(text):
            raise RejectedError("refused", f"{name}: {answered[:200]!r}")
        if not text:
            raise RejectedError("empty", f"{name}: nothing is left of {answered[:200]!r}")
        if len(text.split()) > LONGEST[name]:
            raise RejectedError("too long", f"{name}: {len(text.split())} words of at most {LONGEST[name]}")
        return text

    async def _read(self, name: Name, fields: Mapping[str, Any], form: type[Any], seed: int) -> Any:
        role, prompt = self.roles[name], PROMPTS[name]
        call = Call(prompt.render(**fields), role.sampling, seed, name, prompt.reference)
        try:
            read = await role.client.ask_for(call, form, repairs=REPAIRS)
        except CallFailedError as error:
            self.answers.extend(error.answers)
            raise RejectedError(error.reason, f"{name}: {error.detail}") from error
        self.answers.extend(read.answers)
        return read.value


def cast(clients: Mapping[Name, Client], temperatures: Mapping[Name, float] | None = None) -> dict[Name, Role]:
    """Roles played by these clients, at their own temperatures where given."""
    warm = temperatures or {}
    return {
        name: Role(clients[name], replace(SAMPLING[name], temperature=warm.get(name, SAMPLING[name].temperature)))
        for name in NAMES
    }
