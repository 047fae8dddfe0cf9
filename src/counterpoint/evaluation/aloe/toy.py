"""The toy world as a benchmark: people who say now and then what they lean to, and a grader that knows.

The user's messages don't depend on the replies, and a reply is right or not: 5 or 1. What names no option is graded as
a coin's toss, 3, so that nobody seems to suit people for having learned to write a letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from counterpoint.data.conversations import Persona, Said
from counterpoint.evaluation.aloe.grading import HIGHEST, LOWEST, Grade, Item
from counterpoint.models.prompts import LETTERS, Prompter
from counterpoint.models.tiny.tokens import make_tokenizer
from counterpoint.training.lm.toy_conversations import FORM, ToyCase, ToyTurn, message

NO_OPTION = 3.0
"""Half of 5 and half of 1: two ways, one of them right."""


class ToyWorld:
    """User and grader of these cases."""

    def __init__(self, cases: Sequence[ToyCase]) -> None:
        self._cases: Mapping[str, ToyCase] = {case.id: case for case in cases}
        self._prompter = Prompter(make_tokenizer([]))
        self.people = tuple(case.persona for case in cases)

    async def say(self, persona: Persona, chat: Sequence[Said], *, seed: int) -> str:  # noqa: ARG002
        """What the case's next turn says, whatever was replied."""
        turn = sum(said.role == "user" for said in chat)
        return message(self._cases[persona.id].turns[turn], self._prompter)

    def grade(self, items: Sequence[Item]) -> list[Grade]:
        """5 for an option that has what the person leans to, 1 for another, `NO_OPTION` for none."""
        return [self._grade(item) for item in items]

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {"name": "toy", "what": "exact: 5 for an option with the property leant to, 1 for another, 3 for none"}

    def known(self, *, right: bool) -> list[Item]:
        """Replies of known grade at every turn of every case: the case's right ones, or others."""
        return [
            Item(case.persona, (), self._reply(turn, right=right), i)
            for case in self._cases.values()
            for i, turn in enumerate(case.turns)
        ]

    def _grade(self, item: Item) -> Grade:
        turn = self._cases[item.persona.id].turns[item.turn]
        option = LETTERS.find(item.reply.strip()) if len(item.reply.strip()) == 1 else -1
        if not 0 <= option < len(turn.dilemma.options):
            return Grade(NO_OPTION, "names no option")
        return Grade(HIGHEST if option in turn.right else LOWEST)

    def _reply(self, turn: ToyTurn, *, right: bool) -> str:
        options = range(len(turn.dilemma.options))
        return self._prompter.reply(turn.dilemma, next(i for i in options if (i in turn.right) == right), form=FORM)
