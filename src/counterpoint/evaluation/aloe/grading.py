"""Who grades replies, from 1 to 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from counterpoint.data.conversations import Persona, Said
from counterpoint.evaluation.judge import Judge, JudgeItem, Verdict
from counterpoint.evaluation.judging.rubrics import PERSONA_FIT

LOWEST, HIGHEST = 1.0, 5.0
"""ALOE's scale."""


class Item(NamedTuple):
    """A reply to be graded."""

    persona: Persona
    """Whom it should suit."""
    chat: tuple[Said, ...]
    """What was said, the message it answers last."""
    reply: str
    """The reply."""
    turn: int
    """Of the talk, the first is 0."""


class Grade(NamedTuple):
    """What a reply got."""

    score: float | None
    """From 1 to 5; None where it could not be graded."""
    why: str = ""
    """What was wrong, or what the grader says of it."""


class Grader(Protocol):
    """Grades replies. It is never told who wrote them."""

    def grade(self, items: Sequence[Item]) -> list[Grade]:
        """A grade each, `[item]`."""
        ...

    def describe(self) -> dict[str, Any]:
        """Who it is, for the record."""
        ...


class JudgedReplies:
    """Grades by a judge and the rubric of ALOE's three criteria: the mean over them and over repeats."""

    def __init__(self, judge: Judge, repeats: int = 1) -> None:
        self.judge, self.repeats = judge, repeats

    def grade(self, items: Sequence[Item]) -> list[Grade]:
        """See `Grader.grade`. Repeats without a score are left out; without any there is no grade. A reply that says
        nothing gets the lowest without being shown to the judge."""
        told = [item for item in items if item.reply]
        asked = [
            JudgeItem(
                id=str(number),
                question="\n\n".join(f"{said.role}: {said.text}" for said in item.chat),
                answer=item.reply,
                about={"profile": item.persona.profile, "personality": item.persona.personality},
            )
            for number, item in enumerate(told)
        ]
        verdicts = self.judge.grade(PERSONA_FIT, asked, repeats=self.repeats)
        found = iter([_mean(verdicts[i * self.repeats : (i + 1) * self.repeats]) for i in range(len(told))])
        return [next(found) if item.reply else Grade(LOWEST, "says nothing") for item in items]

    def describe(self) -> dict[str, Any]:
        """The judge's, with rubric and repeats."""
        return {**self.judge.describe(), "name": self.judge.name, "rubric": PERSONA_FIT.reference,
                "repeats": self.repeats}  # fmt: skip


def _mean(verdicts: Sequence[Verdict]) -> Grade:
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    if not scores:
        return Grade(None, verdicts[0].error or "no score")
    return Grade(sum(scores) / len(scores), verdicts[0].reason)
