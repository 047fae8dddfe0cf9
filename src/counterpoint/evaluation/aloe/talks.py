"""A talk of a simulated person with a model, turn by turn.

A turn that fails is tried again from the person's message on (ALOE: three times); a talk that can't go on keeps the
turns it has, and the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from counterpoint.authoring.calls import CallFailedError
from counterpoint.authoring.journal import RejectedError
from counterpoint.data.conversations import Persona, Said
from counterpoint.types import content_hash

SILENCE = "(says nothing)"
"""What the person hears where a reply is empty."""


class Exchange(NamedTuple):
    """One turn."""

    user: str
    """What the person said."""
    reply: str
    """What the model replied; empty where it said nothing."""


@dataclass(frozen=True)
class Talk:
    """What came of one case."""

    case: str
    """The persona's id."""
    exchanges: tuple[Exchange, ...]
    """The turns that were finished."""
    failure: str = ""
    """Why it ended before its last turn; empty if it didn't."""

    def before(self, turn: int) -> tuple[Said, ...]:
        """What was said up to and with the user's message of this turn (the first is 0)."""
        return (*_said(self.exchanges[:turn]), Said("user", self.exchanges[turn].user))


class User(Protocol):
    """Plays the people."""

    async def say(self, persona: Persona, chat: Sequence[Said], *, seed: int) -> str:
        """The persona's next message.

        Raises:
            RejectedError, CallFailedError: there is none that can be used.
            RunStoppedError: nothing more can be asked.
        """
        ...


class Model(Protocol):
    """Who is tested."""

    async def reply(self, chat: Sequence[Said], *, seed: int) -> str:
        """The reply to a chat that ends with the user's message; errors as `User.say`."""
        ...


async def hold_all(
    people: Sequence[Persona],
    user: User,
    model: Model,
    *,
    turns: int,
    tries: int,
    seed: int,
    parallel: int,
    report: Callable[[int], None],
) -> list[Talk]:
    """A talk with each, `[case]`.

    Args:
        people: who talks.
        user: plays them.
        model: who is talked with.
        turns: of a talk.
        tries: how often a failing turn is tried.
        seed: of every draw.
        parallel: talks held at once.
        report: told of every finished turn: how many there are so far.

    Raises:
        RunStoppedError: nothing more can be asked; what was answered is in the clients' cache.
    """
    room, done = asyncio.Semaphore(parallel), 0

    def count() -> None:
        nonlocal done
        done += 1
        report(done)

    async def one(persona: Persona) -> Talk:
        async with room:
            return await hold(persona, user, model, turns=turns, tries=tries, seed=seed, finished=count)

    tasks = [asyncio.ensure_future(one(persona)) for persona in people]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        await asyncio.gather(*tasks, return_exceptions=True)  # what is in flight comes home into the cache
        raise


async def hold(
    persona: Persona,
    user: User,
    model: Model,
    *,
    turns: int,
    tries: int,
    seed: int,
    finished: Callable[[], None] = lambda: None,
) -> Talk:
    """One talk. See `hold_all`."""
    exchanges: list[Exchange] = []
    failure = ""
    while len(exchanges) < turns and not failure:
        chat = _said(exchanges)
        for attempt in range(tries):
            draw = int(content_hash("aloe talk", seed, persona.id, len(exchanges), attempt)[:7], 16)
            try:
                message = await user.say(persona, chat, seed=draw)
                reply = await model.reply((*chat, Said("user", message)), seed=draw)
            except (RejectedError, CallFailedError) as error:
                failure = f"turn {len(exchanges) + 1} of {turns}: {error}"
            else:
                failure = ""
                exchanges.append(Exchange(message, reply))
                finished()
                break
    return Talk(persona.id, tuple(exchanges), failure)


def _said(exchanges: Sequence[Exchange]) -> tuple[Said, ...]:
    return tuple(
        said for turn in exchanges for said in (Said("user", turn.user), Said("assistant", turn.reply or SILENCE))
    )
