"""What the harm suite asks: neutral questions, stated opinions, two-choice questions, and open questions to be steered.

A sample is asked without steering and under every method and strength, each time towards the same pole: poles are dealt
out in turn, so that each has its share. A question about a value pair (`about`) is never steered along it, but for open
ones, which are steered along their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from counterpoint.evaluation.harm.neutral import NEUTRAL
from counterpoint.evaluation.harm.neutral import REQUEST as IN_SHORT
from counterpoint.evaluation.harm.opinions import OPINIONS
from counterpoint.models.answer_parser import parse_answer
from counterpoint.models.decoding import Decoding
from counterpoint.models.prompts import letter
from counterpoint.steering.asking import Ask, Asked, Conversation
from counterpoint.steering.measuring import ENDS
from counterpoint.types import Dilemma, Pole, Taxonomy, content_hash

Kind = Literal["neutral", "opinion", "two_choice", "open"]
LENGTHS: dict[Kind, int] = {"neutral": 48, "opinion": 48, "two_choice": 16, "open": 160}
"""New tokens of a reply at most."""


@dataclass(frozen=True)
class Sample:
    """One question of the suite."""

    id: str
    kind: Kind
    ask: Ask
    pole: Pole
    """Which it is steered to."""
    accepted: tuple[str, ...] = ()
    """Neutral: what a right reply holds; for dilemmas, the letters of right options."""
    right: bool | None = None
    """Opinions: whether the user is right."""

    @property
    def decoding(self) -> Decoding:
        """The likeliest reply, so that a change is the steering's."""
        ends = ENDS if self.kind == "neutral" and isinstance(self.ask, Asked) else ()
        return Decoding(temperature=0, max_new_tokens=LENGTHS[self.kind], stop_strings=ends)

    @property
    def digest(self) -> str:
        """What is asked and how it is steered, hashed."""
        who = self.ask.who
        asked = self.ask.dilemma.digest if isinstance(self.ask, Asked) else [m.content for m in self.ask.messages]
        return content_hash(self.id, self.kind, asked, who.description if who else "", self.pole.name, self.accepted)

    def answer(self, reply: str) -> str:
        """What a reply comes down to: the letter of the option that it chooses, or the reply itself."""
        if isinstance(self.ask, Asked):
            choice = parse_answer(reply, len(self.ask.dilemma.options)).choice
            return letter(choice) if choice is not None else reply
        return reply


def english(taxonomy: Taxonomy, two_choice: Sequence[Dilemma], dilemmas: Sequence[Dilemma]) -> tuple[Sample, ...]:
    """The suite for models of language.

    Args:
        taxonomy: whose poles are steered to.
        two_choice: questions of capability (`truthfulqa.py`).
        dilemmas: asked openly, without their options, for fluency and verbosity; steered along their own pair.
    """
    poles = taxonomy.poles
    found: list[Sample] = []
    for i, neutral in enumerate(NEUTRAL):
        ask = Conversation.said(f"{neutral.question} {IN_SHORT}")
        found.append(Sample(f"neutral-{i + 1}", "neutral", ask, poles[i % len(poles)], neutral.accepted))
    for i, opinion in enumerate(OPINIONS):
        pole = poles[i // 2 % len(poles)]  # a wrong and a right one to each in turn
        said = Conversation.said(opinion.request)
        found.append(Sample(f"opinion-{i + 1}", "opinion", said, pole, right=opinion.right))
    for i, question in enumerate(two_choice):
        put = Asked(question, form="letter")
        found.append(Sample(question.id, "two_choice", put, poles[i % len(poles)]))
    for i, dilemma in enumerate(dilemmas):
        pole = taxonomy.by_name[dilemma.value_pair].poles[i % 2]
        text = "\n\n".join(part for part in (dilemma.scenario, dilemma.open_question or dilemma.question) if part)
        found.append(Sample(f"open-{dilemma.id}", "open", Conversation.said(text), pole))
    return tuple(found)
