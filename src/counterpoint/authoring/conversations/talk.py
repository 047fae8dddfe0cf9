"""One conversation, turn by turn: what is asked when, and what becomes of a turn that fails."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from counterpoint.authoring.calls import Answer, CallFailedError, RunStoppedError
from counterpoint.authoring.conversations.roles import Cast, Known, Name, Role
from counterpoint.authoring.journal import RejectedError
from counterpoint.data.conversations import Conversation, Persona, Said, Side, Turn
from counterpoint.errors import BadInputError
from counterpoint.types import content_hash

TRIES = 3
"""How often a failing turn is tried (ALOE)."""


@dataclass(frozen=True)
class Talk:
    """How conversations are held."""

    turns: int = 10
    """Turns of a conversation (ALOE has up to 10); any number."""
    tries: int = TRIES
    """How often a failing turn is tried before the conversation is set aside."""
    compare: bool = True
    """Whether the comparison role may turn preferred and rejected round. Without it the hinted reply is preferred."""
    seed: int = 0
    """Of who talks, which reply is heard, the order in which replies are compared, and every call."""

    def __post_init__(self) -> None:
        for name in ("turns", "tries"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name} must be at least 1 (got {getattr(self, name)})")


@dataclass(frozen=True)
class Held:
    """What came of a conversation."""

    conversation: Conversation
    """With the turns that were finished; without any if the first one failed."""
    answers: tuple[Answer, ...]
    """Everything that was asked for it, in the order of coming."""
    failures: tuple[Mapping[str, Any], ...]
    """Tries of turns that failed: turn, try, reason, detail."""
    unfounded: int
    """Parts of revealed descriptions that were left out because the description doesn't say them."""
    reason: str = ""
    """Why it ended before its last turn; empty if it didn't."""
    detail: str = ""
    """What exactly was wrong."""


async def hold(persona: Persona, place: str, roles: Mapping[Name, Role], talk: Talk) -> Held:
    """A conversation with one persona.

    Args:
        persona: who talks.
        place: tells this conversation from others with the same persona.
        roles: who plays what.
        talk: how it is held.

    Raises:
        RunStoppedError: nothing more can be asked; what was answered is in the clients' cache.
    """
    cast = Cast(roles, [])
    turns: list[Turn] = []
    failures: list[Mapping[str, Any]] = []
    unfounded = 0
    name = f"talk-{content_hash('conversation', talk.seed, place, persona.profile, persona.personality)[:12]}"
    reason = detail = ""
    while len(turns) < talk.turns and not reason:
        conversation = Conversation(name, persona, tuple(turns))
        for attempt in range(talk.tries):
            try:
                turn, strange = await _turn(conversation, cast, talk, attempt)
            except (RejectedError, CallFailedError) as error:
                failures.append(
                    {"turn": len(turns), "try": attempt, "reason": error.reason, "detail": error.detail[:300]}
                )
                if attempt + 1 == talk.tries:
                    reason, detail = error.reason, f"turn {len(turns) + 1} of {talk.turns}: {error.detail}"
            else:
                turns.append(turn)
                unfounded += strange
                break
    return Held(
        Conversation(name, persona, tuple(turns)), tuple(cast.answers), tuple(failures), unfounded, reason, detail
    )


async def _turn(talked: Conversation, cast: Cast, talk: Talk, attempt: int) -> tuple[Turn, int]:
    """The next turn, and the number of parts left out of what it reveals."""
    number = len(talked.turns)

    def seed(part: str) -> int:
        return int(content_hash("turn", talk.seed, talked.id, number, attempt, part)[:7], 16)

    persona = talked.persona
    chat = _so_far(talked)
    message = await cast.user(persona, chat, seed("user"))
    if any(message.casefold() == turn.user.casefold() for turn in talked.turns):
        raise RejectedError("repeats itself", f"user: {message[:200]!r}")
    chat = (*chat, Said("user", message))
    plain, (known, hinted) = await _both(persona, chat, cast, seed)
    if plain.casefold().split() == hinted.casefold().split():
        raise RejectedError("replies alike", hinted[:200])
    hint_won = not talk.compare or await _hint_wins(persona, chat, hinted, plain, cast, seed("comparison"))
    continued: Side = "preferred" if random.Random(seed("continue")).random() < 0.5 else "rejected"
    turn = Turn(
        user=message,
        preferred=hinted if hint_won else plain,
        rejected=plain if hint_won else hinted,
        continued=continued,
        revealed_profile=known.profile,
        revealed_personality=known.personality,
        preferred_by="hinted" if hint_won else "plain",
    )
    return turn, known.unfounded


async def _both(
    persona: Persona, chat: tuple[Said, ...], cast: Cast, seed: Callable[[str], int]
) -> tuple[str, tuple[Known, str]]:
    """The plain reply beside what is known and the reply that was told it. One failing doesn't cancel the other."""
    one, other = Cast(cast.roles, []), Cast(cast.roles, [])  # apart, so that the answers' order is always the same

    async def hinted() -> tuple[Known, str]:
        known = await other.induction(persona, chat, seed("induction"))
        return known, await other.reply("preferred", chat, known, seed("preferred"))

    plain = one.reply("rejected", chat, Known(), seed("rejected"))
    results = await asyncio.gather(plain, hinted(), return_exceptions=True)
    cast.answers.extend((*one.answers, *other.answers))
    first, second = results
    for stop in (RunStoppedError, BaseException):  # the end of the run counts for more than a failing turn
        for result in results:
            if isinstance(result, stop):
                raise result
    assert not isinstance(first, BaseException)
    assert not isinstance(second, BaseException)
    return first, second


async def _hint_wins(persona: Persona, chat: tuple[Said, ...], hinted: str, plain: str, cast: Cast, seed: int) -> bool:
    """Whether the comparison role likes the hinted reply better; which one it is shown first is drawn."""
    order: tuple[Literal[0, 1], Literal[0, 1]] = (0, 1) if random.Random(seed).random() < 0.5 else (1, 0)
    shown = [(hinted, plain)[i] for i in order]
    return order[await cast.comparison(persona, chat, shown[0], shown[1], seed)] == 0


def _so_far(talked: Conversation) -> tuple[Said, ...]:
    """What was said in the turns that are finished."""
    said: list[Said] = []
    for turn in talked.turns:
        said += [Said("user", turn.user), Said("assistant", turn.heard)]
    return tuple(said)
