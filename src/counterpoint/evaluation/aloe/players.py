"""Users and models behind a client: an endpoint, or a language model in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from counterpoint.authoring.calls import Call, CallFailedError, Message, Sampling
from counterpoint.authoring.conversations.roles import SAMPLING, Cast, Known, Role
from counterpoint.authoring.conversations.text import said as cleaned
from counterpoint.authoring.journal import RejectedError
from counterpoint.authoring.llm import Client
from counterpoint.data.conversations import Persona, Said


@dataclass(frozen=True)
class PersonaUser:
    """Plays people as the user role of `author conversations` does."""

    client: Client

    async def say(self, persona: Persona, chat: Sequence[Said], *, seed: int) -> str:
        """See `User.say`. A message that was said before is none."""
        cast = Cast({"user": Role(self.client, SAMPLING["user"])}, [])
        message = await cast.user(persona, chat, seed)
        if any(message.casefold() == said.text.casefold() for said in chat if said.role == "user"):
            raise RejectedError("repeats itself", f"user: {message[:200]!r}")
        return message


@dataclass(frozen=True)
class ChatModel:
    """Replies to the chat alone: no system prompt, and nothing of the persona."""

    client: Client
    sampling: Sampling

    async def reply(self, chat: Sequence[Said], *, seed: int) -> str:
        """See `Model.reply`. Thoughts and gestures between asterisks are taken out, as in training data."""
        messages = tuple(Message(said.role, said.text) for said in chat)
        answer = await self.client.ask(Call(messages, self.sampling, seed, "reply"))
        if answer.finish == "refused":
            raise CallFailedError("refused", answer.text[:200] or "an empty answer", (answer,))
        return cleaned(answer.text)


@dataclass(frozen=True)
class HintedWriter:
    """Writes replies for somebody in particular, as the preferred role does who was told all of them.

    What proves a judge: it must like such a reply better than one written for somebody else.
    """

    client: Client

    async def write(self, persona: Persona, chat: Sequence[Said], *, seed: int) -> str:
        """A reply to the chat for this persona; errors as `User.say`."""
        sampling = replace(SAMPLING["preferred"], temperature=0.0)
        cast = Cast({"preferred": Role(self.client, sampling)}, [])
        return await cast.reply("preferred", chat, Known(persona.profile, persona.personality), seed)
