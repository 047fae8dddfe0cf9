"""Talks of simulated people: turns in order, failing turns tried again, nothing lost and nothing made up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from counterpoint.authoring.journal import RejectedError
from counterpoint.data.conversations import Persona, Said
from counterpoint.evaluation.aloe.grading import Item, JudgedReplies
from counterpoint.evaluation.aloe.talks import SILENCE, Exchange, Talk, hold_all
from counterpoint.evaluation.aloe.toy import ToyWorld
from counterpoint.evaluation.judge import JudgeItem, PairItem, Preference, Rubric, Verdict
from counterpoint.training.lm.toy_conversations import cases

PEOPLE = (Persona("a", "A welder.", "Says little."), Persona("b", "A nurse.", "Talks a lot."))


class Counting:
    """A user who says which message this is, after failing so often at the turns named."""

    def __init__(self, failing: dict[int, int] | None = None) -> None:
        self.failing = dict(failing or {})
        self.seeds: list[int] = []

    async def say(self, persona: Persona, chat: Sequence[Said], *, seed: int) -> str:
        turn = sum(said.role == "user" for said in chat)
        self.seeds.append(seed)
        if self.failing.get(turn, 0):
            self.failing[turn] -= 1
            raise RejectedError("too long", "user: 500 words")
        return f"{persona.id}{turn}"


class Echo:
    """A model that repeats the last message backwards, or says nothing to those ending in 1."""

    async def reply(self, chat: Sequence[Said], *, seed: int) -> str:  # noqa: ARG002
        assert [said.role for said in chat] == ["user", "assistant"] * (len(chat) // 2) + ["user"]
        text = chat[-1].text
        return "" if text.endswith("1") else text[::-1]


def held(user: Counting, people: Sequence[Persona] = PEOPLE, turns: int = 3) -> list[Talk]:
    told: list[int] = []
    talks = asyncio.run(
        hold_all(people, user, Echo(), turns=turns, tries=3, seed=0, parallel=2, report=told.append)
    )  # fmt: skip
    assert told == list(range(1, sum(len(talk.exchanges) for talk in talks) + 1))
    return talks


def test_everybody_is_talked_with_for_all_turns() -> None:
    one, other = held(Counting())
    assert one == Talk("a", (Exchange("a0", "0a"), Exchange("a1", ""), Exchange("a2", "2a")))
    assert [turn.user for turn in other.exchanges] == ["b0", "b1", "b2"]
    # what stands before turn 3 is what was said and heard, silence too
    assert [said.text for said in one.before(2)] == ["a0", "0a", "a1", SILENCE, "a2"]


def test_a_failing_turn_is_tried_with_other_draws_and_a_talk_that_cannot_go_on_keeps_its_turns() -> None:
    user = Counting({1: 2})
    (talk,) = held(user, PEOPLE[:1])
    assert (len(talk.exchanges), talk.failure) == (3, "")
    assert len(set(user.seeds)) == 5  # three turns, two tries more, no draw twice
    (talk,) = held(Counting({1: 3}), PEOPLE[:1])
    assert talk.exchanges == (Exchange("a0", "0a"),)
    assert talk.failure == "turn 2 of 3: too long: user: 500 words"


class Fives:
    """A judge that gives everything 5, and must not be shown what says nothing."""

    name = "fives"

    def grade(self, rubric: Rubric, items: Sequence[JudgeItem], *, repeats: int = 1) -> list[Verdict]:
        assert all(item.answer for item in items)
        return [Verdict(item, rubric.reference, self.name, 5.0) for item in items for _ in range(repeats)]

    def compare(self, rubric: Rubric, items: Sequence[PairItem], *, repeats: int = 1) -> list[Preference]:
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def test_a_reply_that_says_nothing_gets_the_lowest_grade() -> None:
    items = [Item(PEOPLE[0], (Said("user", "Well?"),), reply, 0) for reply in ("Yes.", "", "No.")]
    assert [grade.score for grade in JudgedReplies(Fives(), 2).grade(items)] == [5.0, 1.0, 5.0]


def test_in_the_toy_world_what_names_no_option_is_a_coins_toss() -> None:
    (case,) = cases(1, turns=1, seed=0)
    world = ToyWorld([case])
    (right,), (wrong,) = world.known(right=True), world.known(right=False)
    odd = [right._replace(reply=text) for text in ("", "AB", "Z", "the first")]
    assert [grade.score for grade in world.grade([right, wrong, *odd])] == [5.0, 1.0, 3.0, 3.0, 3.0, 3.0]
