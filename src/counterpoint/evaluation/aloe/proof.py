"""Before any model is talked with, a grader shows that it can tell replies for somebody from replies for others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from counterpoint.authoring.calls import CallFailedError
from counterpoint.authoring.journal import RejectedError
from counterpoint.data.conversations import Persona, Said
from counterpoint.errors import BadInputError
from counterpoint.evaluation.aloe.grading import HIGHEST, LOWEST, Grader, Item
from counterpoint.evaluation.aloe.talks import User


class Writer(Protocol):
    """Writes replies for a persona that it is told."""

    async def write(self, persona: Persona, chat: Sequence[Said], *, seed: int) -> str:
        """A reply; errors as `User.say`."""
        ...


async def written_pairs(
    people: Sequence[Persona], user: User, writer: Writer, *, count: int, seed: int
) -> tuple[list[Item], list[Item]]:
    """Replies to opening messages: for the person who wrote the message, and for somebody else altogether.

    A pair that can't be written is left out.

    Raises:
        BadInputError: none can be written.
    """
    failed: list[str] = []

    async def one(place: int) -> tuple[Item, Item] | None:
        persona = people[place]
        try:
            other = somebody_else(people, place)
            chat = (Said("user", await user.say(persona, (), seed=seed)),)
            good, bad = [await writer.write(who, chat, seed=seed) for who in (persona, other)]
        except (RejectedError, CallFailedError) as error:
            failed.append(str(error))
            return None
        return Item(persona, chat, good, 0), Item(persona, chat, bad, 0)

    spread = [i * len(people) // min(count, len(people)) for i in range(min(count, len(people)))]
    found = [pair for pair in await asyncio.gather(*map(one, spread)) if pair is not None]
    if spread and not found:
        raise BadInputError(
            f"no reply could be written to prove the judge on: {failed[0]}. Let another model play the people "
            "(--set user=), or --set proof=0"
        )
    return [good for good, _ in found], [bad for _, bad in found]


def somebody_else(people: Sequence[Persona], place: int) -> Persona:
    """The next one with another profile and another personality.

    Raises:
        BadInputError: there is none.
    """
    me = people[place]
    for step in range(1, len(people)):
        other = people[(place + step) % len(people)]
        if other.profile != me.profile and other.personality != me.personality:
            return other
    raise BadInputError(
        f"{me.id}: nobody among {len(people)} cases differs in profile and personality, so that the judge can't be "
        "proved. Give more people, or --set proof=0"
    )


class Proof(NamedTuple):
    """What a grader made of replies known to be good, and of replies known to be bad."""

    good: float
    """Mean grade of the good ones."""
    bad: float
    """Mean grade of the bad ones."""
    right: float
    """Share of pairs in which the good one has the higher grade."""
    pairs: int
    """Pairs of which both were graded."""


def prove(grader: Grader, good: Sequence[Item], bad: Sequence[Item], *, exact: bool) -> Proof:
    """Refuse a grader that doesn't tell good replies from bad ones; `good` and `bad` are pairs, `[pair]`.

    Args:
        grader: who grades.
        good: replies that suit their persona.
        bad: replies to the same messages that don't.
        exact: whether each good one must get 5 and each bad one 1; else good ones must get more on average, and more
            than half of them more than their bad one.

    Raises:
        BadInputError: what they got instead.
    """
    pairs = zip(grader.grade(good), grader.grade(bad), strict=True)
    scores = np.array([[a.score, b.score] for a, b in pairs if a.score is not None and b.score is not None])
    if not len(scores):
        raise BadInputError(f"the grader graded none of {len(good)} pairs of replies whose grades are known")
    good_mean, bad_mean = scores.mean(0).tolist()
    proof = Proof(good_mean, bad_mean, float((scores[:, 0] > scores[:, 1]).mean()), len(scores))
    fits = bool((scores == (HIGHEST, LOWEST)).all()) if exact else proof.good > proof.bad and proof.right > 0.5
    if not fits:
        expected = "5 and 1" if exact else "more for the first in most pairs"
        raise BadInputError(
            f"the grader can't tell replies for somebody from replies for somebody else: {proof.good:.2f} and "
            f"{proof.bad:.2f} on average over {proof.pairs} pairs, right in {proof.right:.0%}; expected {expected}. "
            "Take another judge"
        )
    return proof
